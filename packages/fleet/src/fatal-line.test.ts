import assert from "node:assert/strict";
import { fatalLine } from "./fatal-line.js";

const entry = (level: string, msg: string, err?: string) =>
  JSON.stringify({ level, msg, ...(err && { err: { message: err, stack: "a\nb" } }) });

describe("the line that says why a process ended", () => {
  for (const [what, lines, expected] of [
    [
      "the first fatal one",
      [entry("error", "x"), entry("fatal", "start failed", "no claude"), entry("info", "stopped")],
      "start failed: no claude",
    ],
    ["an error, without a fatal one", [entry("info", "ready"), entry("error", "lost", "gone")], "lost: gone"],
    [
      "of a fault in the settings, the fault itself",
      ["queue: the configuration has a fault:", "  CCSP_X must be 1"],
      "queue: the configuration has a fault: CCSP_X must be 1",
    ],
    [
      "after a banner, the reason",
      ["oO0 Redis is starting", "# Fatal error, can't open config file"],
      "# Fatal error, can't open config file",
    ],
    ["nothing, where nothing was said", [entry("info", "ready"), " "], undefined],
  ] as const) {
    it(`is ${what}`, () => assert.equal(fatalLine(lines), expected));
  }
});
