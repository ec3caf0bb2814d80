import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMetrics } from "./index.js";
import { type Lost, openLogStream } from "./log-stream.js";

describe("a log whose disk is full for a while", () => {
  const { writeSync } = fs;
  let dir: string;
  let fd: number;
  beforeEach(() => {
    dir = fs.mkdtempSync(join(tmpdir(), "ccsp-log-"));
    fd = fs.openSync(join(dir, "log"), "a");
  });
  afterEach(() => {
    full(false);
    fs.closeSync(fd);
    fs.rmSync(dir, { recursive: true });
  });
  const written = () => fs.readFileSync(join(dir, "log"), "utf8");

  function full(is: boolean): void {
    const refuse = (to: number, ...rest: unknown[]) => {
      if (to === fd) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      return Reflect.apply(writeSync, fs, [to, ...rest]);
    };
    Object.assign(fs, { writeSync: is ? refuse : writeSync });
  }

  it("throws nothing, counts failures, and later writes the waiting lines and the number of lost ones", async () => {
    const registry = createMetrics("a-service");
    const stream = openLogStream("a-service", fd);
    const told: Lost[] = [];
    stream.onRecovery((lost) => {
      told.push(lost);
      stream.write("recovered\n");
    });
    stream.write("before\n");
    full(true);
    stream.write("one\n");
    stream.write("two\n");
    assert.match(await registry.metrics(), /^ccsp_log_write_failures_total\{service="a-service"\} 2$/m);
    full(false);
    stream.write("after\n");
    stream.write("later\n");
    assert.equal(written(), "before\none\ntwo\nafter\nrecovered\nlater\n");
    assert.deepEqual(told, [{ failures: 2, dropped: 0 }]);
  });

  it("writes again after so many lines waited that no more fitted", async () => {
    const stream = openLogStream("a-third", fd);
    const told: Lost[] = [];
    stream.onRecovery((lost) => told.push(lost));
    full(true);
    const line = `${"x".repeat(99)}\n`;
    for (let i = 0; i < 11_000; i += 1) stream.write(line);
    full(false);
    // The first of these lines does not fit yet, but it starts the write that makes space.
    stream.write(line);
    stream.write(line.replaceAll("x", "y"));
    assert.match(written(), /x\ny{99}\n$/);
    assert.equal(told[0]?.dropped, 11_001 - Math.floor((1024 * 1024) / 100));
  });

  it("keeps at most a megabyte, and counts the lines that it drops", async () => {
    const registry = createMetrics("another");
    const stream = openLogStream("another", fd);
    full(true);
    for (let i = 0; i < 40; i += 1) stream.write(`${"x".repeat(50_000)}\n`);
    const [, dropped] = /^ccsp_log_lines_dropped_total\{.*\} (\d+)$/m.exec(await registry.metrics()) ?? [];
    assert(Number(dropped) >= 19, `${dropped} dropped`);
    full(false);
    stream.write("after\n");
    assert.equal(written().split("\n").length - 1, 40 - Number(dropped) + 1);
  });
});
