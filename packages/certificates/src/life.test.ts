import assert from "node:assert/strict";
import { isDue } from "./certificate.js";
import { lifeOf } from "./life.js";

const NOW = new Date("2026-01-01T00:00:00Z");
const inDays = (days: number) => new Date(NOW.getTime() + days * 24 * 60 * 60 * 1000);

describe("the life of a certificate", () => {
  it("begins a little earlier, for hosts whose clocks are behind, and never outlasts its CA", () => {
    assert.deepEqual(lifeOf(90, NOW), { from: new Date("2025-12-31T23:55:00Z"), until: inDays(90) });
    assert.deepEqual(lifeOf(90, NOW, inDays(10)).until, inDays(10));
  });

  it("is due for renewal when a third is left", () => {
    const life = lifeOf(90, NOW);
    assert.deepEqual(
      [isDue(life, inDays(59.9)), isDue(life, inDays(60.1)), isDue(life, inDays(91))],
      [false, true, true],
    );
  });
});
