import assert from "node:assert/strict";
import { windowsOfAnswer } from "./windows.js";

const HOUR_MS = 3_600_000;
const NAMED = (headers: Readonly<Record<string, string>>) =>
  windowsOfAnswer({
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [`anthropic-ratelimit-unified-${name}`, value]),
    ),
  });
const FIVE_HOUR = {
  name: "five_hour",
  state: "open",
  resetMs: 1_700_000_000_000,
  share: 0.25,
  lengthMs: 5 * HOUR_MS,
} as const;
const SEVEN_DAY = {
  name: "seven_day",
  state: "warning",
  resetMs: 1_700_500_000_000,
  share: 0.9,
  lengthMs: 168 * HOUR_MS,
} as const;
const BOTH = {
  status: "allowed_warning",
  "representative-claim": "seven_day",
  "5h-status": "allowed",
  "5h-reset": "1700000000",
  "5h-utilization": "0.25",
  "7d-status": "allowed_warning",
  "7d-reset": "1700500000",
  "7d-utilization": "0.9",
};

describe("the headers of an answer", () => {
  it("say the state, the share and the time of each window", () => {
    assert.deepEqual(NAMED(BOTH), [FIVE_HOUR, SEVEN_DAY]);
    assert.deepEqual(NAMED({}), []);
  });

  it("close only the window for which the provider refused the request", () => {
    const used = { ...BOTH, "7d-status": "rejected", "7d-utilization": "1" };
    const states = (headers: Readonly<Record<string, string>>) => NAMED(headers).map(({ state }) => state);
    assert.deepEqual(states({ ...used, status: "rejected" }), ["open", "closed"]);
    assert.deepEqual(states({ ...used, status: "allowed" }), ["open", "warning"]);
    assert.deepEqual(states({ ...used, status: "rejected", "representative-claim": "overage" }), ["open", "warning"]);
  });

  it("may say only which window counts, and are dropped where they are no number", () => {
    const named = { status: "rejected", "representative-claim": "seven_day_opus", reset: "soon", utilization: "-1" };
    const unknown = { name: "seven_day_opus", resetMs: undefined, share: undefined, lengthMs: 168 * HOUR_MS };
    assert.deepEqual(NAMED(named), [{ ...unknown, state: "closed" }]);
  });
});
