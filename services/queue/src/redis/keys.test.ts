import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { cacheKeys, queueKeys, scheduleKeys } from "./keys.js";

describe("each key of the queue", () => {
  it("has a row in docs/queue-storage.md", () => {
    const page = readFileSync(new URL("../../../../docs/queue-storage.md", import.meta.url), "utf8");
    const [, table = ""] = /\n## Keys\n(.*?)\n## /s.exec(page) ?? [];
    const names = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = ""]) => cell.split(", "));
    const { engine, runs, log, result, conversation, confirmation, executor, request, ...single } = queueKeys(0);
    const keys = [
      ...Object.values(single),
      ...Object.values(engine("<engine>")).map((key) => key.replace(/(urgent|high|normal|low)$/, "<class>")),
      runs("<engine>"),
      log("<id>"),
      result("<id>", "<digest>"),
      confirmation("<class>:<agent>:<token>"),
      conversation("<id>"),
      cacheKeys.answer("<digest>"),
      executor("<id>"),
      request("<agent>", "<request id>"),
      scheduleKeys.times,
      scheduleKeys.of("<agent>"),
    ];
    const missing = keys
      .map((key) => `\`${key.replace("ccsp:queue:{0}:", "")}\``)
      .filter((key) => !names.includes(key));
    assert.deepEqual(missing, []);
  });
});
