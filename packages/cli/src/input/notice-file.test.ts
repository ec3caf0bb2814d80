import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NoticeAction, Severity } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { noticeIn } from "./notice-file.js";

describe("a file with a notice", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-notice-"));
  });
  afterEach(() => rm(dir, { recursive: true }));
  const read = async (content: unknown) => {
    const path = join(dir, "notice.json");
    await writeFile(path, JSON.stringify(content));
    return noticeIn(path);
  };

  it("has its severity in plain words or as the name of the enum", async () => {
    const { severity, action } = await read({ kind: "x", severity: "warning", action: "resolves" });
    assert.deepEqual([severity, action], [Severity.WARNING, NoticeAction.RESOLVES]);
    assert.equal((await read({ kind: "x", severity: "SEVERITY_CRITICAL" })).severity, Severity.CRITICAL);
  });

  it("is refused with the name of what is not known", async () => {
    await assert.rejects(read({ kind: "x", severty: "info" }), /holds no notice: severty is not a field of Notice/);
    await assert.rejects(read({ kind: "x", severity: "awful" }), /severity must be one of UNSPECIFIED, INFO/);
    await assert.rejects(read([]), /it is not a JSON object/);
  });

  it("is refused with a number that no known severity or action has", async () => {
    for (const value of [9, -1])
      for (const field of ["severity", "action"])
        await assert.rejects(read({ kind: "x", [field]: value }), new RegExp(`${field} is not known`));
  });

  it("is refused with the name of each field whose value does not fit, as the gateway refuses it", async () => {
    const fault = /facts\["attempt"\] is not a text; time is not a time of RFC 3339/;
    await assert.rejects(read({ kind: "x", facts: { attempt: 3 }, time: "tomorrow" }), fault);
  });
});
