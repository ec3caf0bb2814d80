import assert from "node:assert/strict";
import type { RunExit } from "@ccsp/engine-kit";
import { createTextReader } from "./text-reader.js";

const exit = (code: number, stderr: string): RunExit => ({
  code,
  signal: null,
  cause: "exited",
  overrun: undefined,
  stderr,
  runMs: 1,
  resources: { cpuMs: undefined, peakMemoryBytes: undefined },
  waited: false,
});

describe("the text of a command", () => {
  it("is followed in the log by the standard error of a command that failed", () => {
    const failed = createTextReader().end?.(exit(2, `${"x".repeat(2_000)}\nno such file\n`));
    assert.deepEqual(
      failed?.map(
        (event) => event.type === "notice" && [event.category, event.message.length, event.message.slice(-12)],
      ),
      [["ENGINE_CRASH", 1_000, "no such file"]],
    );
    assert.deepEqual(createTextReader().end?.(exit(0, "a warning")), []);
  });
});
