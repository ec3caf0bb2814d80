import assert from "node:assert/strict";
import { labelName } from "../domain/task/labels.js";
import { scopeOf } from "./gate-message.js";

const label = (value: string) => scopeOf({ scope: { $case: "label", value } });

describe("a scope that names a label", () => {
  it("has the key before the first = and the value after it", () => {
    assert.deepEqual(label("repo=a/b=c"), { kind: "label", label: labelName("repo", "a/b=c") });
  });

  it("is none without a key, also when the text ends with half of what a character needs", () => {
    for (const value of ["", "=", "=value", "no value", "🎉"]) assert.equal(label(value), undefined);
  });
});
