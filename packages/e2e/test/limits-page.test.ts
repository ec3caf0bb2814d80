import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formInWords, parseDuration, type SettingDescription } from "@ccsp/config";
import { ROOT, readPage } from "@ccsp/docs-generator/blocks.js";
import { usedSettings } from "@ccsp/docs-generator/configuration.js";

/** Bounds without a setting: the words of the row, the file of the constant below services, and what stands there. */
const CONSTANTS = [
  ["system prompt | 64 KiB", "queue/src/domain/intake/validate-spec.ts", "MAX_SYSTEM_PROMPT_BYTES = 64 * 1024;"],
  ["32 files, together 4 MiB", "queue/src/domain/intake/validate-spec.ts", "MAX_ATTACHMENT_BYTES = 4 * 1024 * 1024;"],
  ["32 files, together 4 MiB", "queue/src/domain/intake/validate-spec.ts", "MAX_ATTACHMENTS = 32;"],
  [
    "one list | 64, of 256 characters",
    "queue/src/domain/intake/validate-spec.ts",
    '"spec.allowed_tools", count: 64, length: 256',
  ],
  ["32 pairs; key 63 characters", "queue/src/domain/intake/validate-spec.ts", "MAX_LABELS = 32;"],
  ["value 256 bytes", "queue/src/domain/fields/ids.ts", "the value is longer than 256 bytes"],
  ["fallback models | 8 ", "queue/src/domain/intake/validate-spec.ts", '"spec.fallback_models", count: 8,'],
  ["attempts | 3; up to 10.", "queue/src/domain/intake/validate-spec.ts", "MAX_ATTEMPTS = 10;"],
  ["attempts | 3; up to 10.", "queue/src/domain/intake/validate.ts", "DEFAULT_ATTEMPTS = 3;"],
  ["one year", "queue/src/domain/intake/validate-spec.ts", "must be at most a year ahead"],
  ["(SubmitTasks) | 1,000,", "queue/src/application/submissions.ts", "MAX_BATCH = 1_000;"],
  ["request ids | kept for 24 h", "queue/src/redis/enqueue-calls.ts", "REQUEST_TTL_MS = 24 * 60 * 60 * 1000;"],
  ["schedules | 1,000, together 8 MiB", "queue/src/schedules/schedule.ts", "MOST_SCHEDULES = 1_000;"],
  ["schedules | 1,000, together 8 MiB", "queue/src/schedules/schedule.ts", "MOST_SCHEDULE_BYTES = 8 * 1024 * 1024;"],
  ["transcripts 8 MiB", "queue/src/conversations/conversations.ts", "MAX_TRANSCRIPT_BYTES = 8 * 1024 * 1024;"],
  ["above 90 %", "queue/src/domain/intake/memory.ts", "FULL_AT = 0.9;"],
  ["the body of a request | 16 MiB", "gateway/src/http/server.ts", "MAX_BODY_BYTES = 16 * 1024 * 1024;"],
  ["3,000; 100; 100,000", "monitor/src/usage/domain/time-series.ts", "MAX_STEPS = 3_000;"],
  ["3,000; 100; 100,000", "monitor/src/usage/domain/time-series.ts", "MAX_SERIES = 100;"],
  ["3,000; 100; 100,000", "monitor/src/usage/domain/time-series.ts", "MAX_POINTS = 100_000;"],
  ["one answer | 10,000 entries, 16 MiB", "gateway/src/rest/log.ts", "MOST_ENTRIES = 10_000;"],
  ["one answer | 10,000 entries, 16 MiB", "gateway/src/rest/log.ts", "MOST_BYTES = 16 * 1024 * 1024;"],
  ["ended after one minute", "gateway/src/rest/event-stream.ts", "STALLED_MS = 60_000;"],
  ["closed after 3 minutes", "gateway/src/http/server.ts", "STALLED_MS = 180_000;"],
  ["of one WebSocket | 50 ", "gateway/src/live/connection.ts", "MOST_SUBSCRIPTIONS = 50;"],
  ["256 KiB or 1,000;", "gateway/src/live/connection.ts", "bytes: 256 * 1024, messages: 1_000,"],
  ["to the gateway | 16 KiB", "gateway/src/live/register.ts", "MAX_MESSAGE_BYTES = 16 * 1024;"],
  ["catches up on | 10,000", "gateway/src/live/event-hub.ts", "MOST_EARLIER = 10_000;"],
  ["3,800 characters", "gateway/src/http/session-cookie.ts", "MAX_SESSION_TOKEN = 3_800;"],
] as const;

describe("The page of limits", () => {
  const page = readPage("docs/limits.md");
  const rows = page.split("\n").filter((line) => line.startsWith("| "));

  it("has the defaults and the greatest values of the settings that it names", async () => {
    const settings = new Map((await usedSettings()).map(({ setting }) => [setting.name, setting]));
    const named = rows.flatMap((row) =>
      [...row.matchAll(/`(CCSP_[A-Z_]+)`/g)].map(([, name = ""]) => ({ row, setting: settings.get(name), name })),
    );
    assert.ok(named.length >= 20, "the settings were not found");
    for (const { row, setting, name } of named) {
      assert.ok(setting, `${name} is not a setting`);
      for (const words of boundsOf(setting, row))
        assert.ok(row.includes(words), `${row} does not say ${words}: ${name}`);
    }
  });

  it("has the numbers of the constants in the code", () => {
    for (const [words, file, code] of CONSTANTS) {
      assert.ok(page.includes(words), `the page does not say "${words}"`);
      const source = readFileSync(join(ROOT, "services", file), "utf8");
      assert.ok(source.includes(code), `${file} has no "${code}": change the page and this table`);
    }
  });
});

/** What a row must say of a setting: the default, and the greatest value if the row has one. */
function boundsOf(setting: SettingDescription, row: string): readonly string[] {
  const [, most] = / to (\S+)/.exec(formInWords(setting).replace(/ \(.*?\)/g, "")) ?? [];
  return [words(setting.default ?? ""), ...(most !== undefined && row.includes("up to") ? [words(most)] : [])];
}

/** "1048576" as "1 MiB", "100000" as "100,000", "720h" as "30 days", "0" as "any number". */
function words(value: string): string {
  const ms = parseDuration(value);
  if (ms !== undefined) return ms > 86_400_000 ? `${ms / 86_400_000} days` : `${ms / 3_600_000} h`;
  const number = Number(value);
  const unit = (["KiB", "MiB", "GiB"] as const).findLast((_, power) => number % 1024 ** (power + 1) === 0);
  if (number === 0) return "any number";
  if (unit === undefined || number < 1024) return number.toLocaleString("en");
  return `${number / 1024 ** (["KiB", "MiB", "GiB"].indexOf(unit) + 1)} ${unit}`;
}
