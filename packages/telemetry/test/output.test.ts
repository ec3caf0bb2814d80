import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@ccsp/testkit";
import { createMetrics } from "../src/index.js";
import { type Lost, openOutput } from "../src/output.js";

describe("an output whose writes fail for a while", () => {
  let folder: string;
  let path: string;
  let fd: number;
  let made = 0;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "ccsp-output-"));
  });
  beforeEach(() => {
    path = join(folder, `pipe-${++made}`);
    execFileSync("mkfifo", [path]);
  });
  // An output is for the life of its process, and is known by its inode. A pipe that was removed gives its inode to the
  // next one, so both stay until the end.
  after(() => rmSync(folder, { recursive: true }));
  const read = () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);

  it("counts the failures, keeps the lines for the next reader, and says then how many writes failed", async () => {
    const first = read();
    fd = openSync(path, "w");
    closeSync(first);
    const output = openOutput(fd);
    const said: Lost[] = [];
    output.sayLoss((lost) => {
      said.push(lost);
      output.write("said\n");
    });
    const before = output.lost().failures;
    output.write("one\n");
    output.write("two\n");
    await eventually(() => assert.equal(output.lost().failures, before + 1));
    assert.match(await createMetrics("a").metrics(), /^ccsp_log_write_failures_total\{service="a"\} [1-9]/m);
    const second = read();
    await eventually(() => assert.equal(said.length, 1));
    let text = "";
    await eventually(() => {
      const bytes = Buffer.alloc(100);
      text += bytes.subarray(0, readSync(second, bytes)).toString();
      assert.equal(text, "one\ntwo\nsaid\n");
    });
    closeSync(second);
    assert.equal(said[0]?.dropped, 0);
  });

  it("gives up a line that is larger than all of its room, and no other", async () => {
    const reader = read();
    fd = openSync(path, "w");
    const output = openOutput(fd);
    output.write("x".repeat(2 * 1024 * 1024));
    output.write("small\n");
    const bytes = Buffer.alloc(1_000);
    const read1 = await eventually(() => readSync(reader, bytes));
    assert.match(bytes.subarray(0, read1).toString(), /^\{.*"dropped":1,.*\}\nsmall\n$/);
    assert.equal(output.lost().dropped, 1);
    closeSync(reader);
  });
});
