import assert from "node:assert/strict";
import { categoryOfStatus, classify, ENDINGS, type Rule, type Symptoms } from "./classify.js";

const RULES: readonly Rule<"kind">[] = [
  { when: { words: { kind: ["quota", "credit"] } }, category: "USAGE_WINDOW", message: "closed", retryAfterMs: 7 },
  { when: { status: [429], text: /daily/ }, category: "USAGE_WINDOW", message: "closed for the day" },
  { when: { status: [429] }, category: "RATE_LIMIT", message: "limited ({status})" },
  ...ENDINGS,
];
const nothing: Symptoms<"kind"> = {
  finished: true,
  worked: false,
  words: {},
  status: undefined,
  text: "",
  stderr: "",
  exitCode: 1,
};
const of = (symptoms: Partial<Symptoms<"kind">>) => classify(RULES, { ...nothing, ...symptoms });

describe("classification", () => {
  it("gives a rule the beginning and the end of a text of any length, and no more", () => {
    const seen: string[] = [];
    const text = Object.assign(/never/, { test: (said: string) => void seen.push(said) });
    const rule = { when: { text }, category: "NETWORK_ERROR", message: "m" } as const;
    const long = `begin${"connection ".repeat(100_000)}end`;
    classify([rule, { when: { stderr: text }, category: "NETWORK_ERROR", message: "m" }], {
      ...nothing,
      text: long,
      stderr: long,
    });
    assert.equal(seen.length, 2);
    for (const said of seen) {
      assert.ok(said.length <= 8_300, `${said.length} characters`);
      assert.match(said, /^begin.*end$/s);
    }
    assert.equal(classify([rule], { ...nothing, text: "short" }).category, "UNKNOWN_ERROR");
    assert.equal(seen.at(-1), "short");
  });

  it("uses the first rule whose conditions all hold", () => {
    assert.equal(of({ words: { kind: "credit" }, status: 429 }).message, "closed");
    assert.equal(of({ status: 429, text: "daily quota" }).message, "closed for the day");
    assert.equal(of({ status: 429 }).message, "limited (429)");
  });

  it("takes from the category what the rule does not set: retry, delay, severity and source", () => {
    assert.deepEqual(of({ status: 429 }), {
      category: "RATE_LIMIT",
      message: "limited (429)",
      retryable: true,
      source: "PROVIDER",
      severity: "notice",
      retryAfterMs: 5_000,
    });
    assert.equal(of({ words: { kind: "quota" } }).retryAfterMs, 7);
  });

  it("returns UNKNOWN_ERROR where no rule matches, and retries it", () => {
    const { category, retryable } = of({ text: "teapot" });
    assert.deepEqual([category, retryable], ["UNKNOWN_ERROR", true]);
  });

  it("knows how a run can end without output of the engine", () => {
    assert.equal(of({ finished: false, exitCode: 0 }).category, "NO_WORK_DONE");
    assert.equal(of({ finished: false, exitCode: 0, worked: true }).category, "ENGINE_CRASH");
    assert.equal(of({ finished: false }).category, "ENGINE_CRASH");
  });

  it("matches a bare status only with the rule that has no other condition", () => {
    assert.equal(categoryOfStatus(RULES, 429), "RATE_LIMIT");
    assert.equal(categoryOfStatus(RULES, 418), "UNKNOWN_ERROR");
  });
});
