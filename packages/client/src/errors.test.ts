import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { REASONS } from "@ccsp/errors";
import { CcspError, errorFor, TaskFailedError } from "./errors.js";

describe("the classes of errors", () => {
  it("are those that the README lists; together they cover every reason", async () => {
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    const rows = [...readme.matchAll(/^\| `(\w+)` +\| ([A-Z_, ]+?) +\|/gm)];
    const documented = rows.flatMap(([, name, reasons = ""]) =>
      reasons.split(", ").map((reason) => `${reason} ${name}`),
    );
    const thrown = REASONS.map((reason) => `${reason} ${errorFor(reason, "no", {}).constructor.name}`);
    assert.deepEqual(documented.toSorted(), thrown.toSorted());
  });

  it("have their own names, so a log distinguishes them", () => {
    for (const reason of REASONS) {
      const error = errorFor(reason, "no", {});
      assert.ok(error instanceof CcspError);
      assert.equal(error.name, error.constructor.name);
    }
  });

  it("keep their message, and all that a program reads of them, in JSON", () => {
    const fields = [{ field: "spec.prompt", description: "is empty" }];
    const cause = { circular: {} };
    cause.circular = cause;
    const wrong = JSON.parse(JSON.stringify(errorFor("INVALID_FIELD", "no", { fields, requestIds: ["r"], cause })));
    assert.deepEqual(
      [wrong.name, wrong.message, wrong.reason, wrong.fields, wrong.requestIds, wrong.cause],
      ["InvalidTaskError", "no", "INVALID_FIELD", fields, ["r"], undefined],
    );
    const failed = JSON.parse(JSON.stringify(new TaskFailedError("t", "EXPIRED", undefined)));
    assert.deepEqual([failed.taskId, failed.state, failed.message], ["t", "EXPIRED", "task t ended EXPIRED"]);
  });
});
