import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { type AlertRule, checkRule } from "./rule.js";
import { checkSilence } from "./silence.js";

const RULE: AlertRule = {
  name: "hot",
  metric: "heat",
  matchers: [],
  condition: ">",
  threshold: 10,
  fireAfterMs: 0,
  keepFiringMs: 0,
  severity: "warning",
  labels: {},
  summary: "hot",
  whatToDo: "",
  channels: [],
  disabled: false,
};
const METRICS = new Map([["heat", { name: "heat", help: "", labels: ["room"] }]]);

function faultsOf(check: () => void): readonly string[] {
  try {
    check();
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.fields.map(({ field, description }) => `${field} ${description}`);
  }
  return [];
}

describe("a rule and a silence", () => {
  it("are refused with few faults when their lists are long, so that such a request takes no memory", () => {
    const matchers = Array(100_000).fill({ label: "", value: "", negated: false });
    const labels = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`\u0000${at}`, "\u0000"]));
    const channels: string[] = Array(100_000).fill("");
    const ofRule = faultsOf(() => checkRule({ ...RULE, matchers, labels, channels }, METRICS));
    for (const field of ["matchers", "labels", "channels"])
      assert.ok(ofRule.includes(`rule.${field} must be at most 16`), `${field} is named`);
    assert.ok(ofRule.length < 100, `${ofRule.length} faults of a rule`);
    const silence = { matchers, reason: "r", durationMs: 60_000, who: "ann", requestId: "" };
    assert.ok(faultsOf(() => checkSilence(silence)).length < 100);
    assert.deepEqual(
      faultsOf(() => checkRule(RULE, METRICS)),
      [],
    );
  });
});
