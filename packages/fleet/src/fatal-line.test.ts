import assert from "node:assert/strict";
import { fatalLine } from "./fatal-line.js";

const entry = (level: string, msg: string, err?: string) =>
  JSON.stringify({ level, msg, ...(err && { err: { message: err, stack: "a\nb" } }) });

const redis = (level: string, text: string) => `10934:M 30 Nov 2026 18:45:17.043 ${level} ${text}`;

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
      "of Redis, its last serious line, without what is before the text, and not a warning before it",
      [
        redis("#", "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo"),
        redis("#", "WARNING Memory overcommit must be enabled! Without it, a background save may fail"),
        redis("#", "Aborting Redis startup because of ACL errors: users.acl:2: Unknown command"),
        redis("*", "bye"),
      ],
      "Aborting Redis startup because of ACL errors: users.acl:2: Unknown command",
    ],
    [
      "of Redis whose data cannot be loaded, the line before too",
      [
        redis("#", "Can't handle RDB format version 12"),
        redis("#", "Fatal error loading the DB, check server logs. Exiting."),
      ],
      "Can't handle RDB format version 12: Fatal error loading the DB, check server logs. Exiting.",
    ],
    [
      "of a fault in the configuration of Redis, the fault and its place",
      [
        "",
        "*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***",
        "Reading the configuration file, at line 3",
        ">>> 'nonsense \"1\"'",
        "Bad directive or wrong number of arguments",
      ],
      "Reading the configuration file, at line 3: 'nonsense \"1\"': Bad directive or wrong number of arguments",
    ],
    [
      "after a banner, the reason",
      ["a banner of a program", "can't open config file", "at main.js:1"],
      "can't open config file",
    ],
    ["nothing, where nothing was said", [entry("info", "ready"), " "], undefined],
  ] as const) {
    it(`is ${what}`, () => assert.equal(fatalLine(lines), expected));
  }
});
