import assert from "node:assert/strict";
import { KnownInstances } from "./known-instances.js";

const A = { host: "a", port: 1 };
const B = { host: "b", port: 2 };
const GRACE_MS = 1_000;

describe("the known instances of a name", () => {
  it("are reported only when they changed", () => {
    const known = new KnownInstances(GRACE_MS);
    assert.deepEqual(known.take([A, B], 0), { found: [A, B] });
    assert.equal(known.take([B, A], 1), undefined);
    assert.deepEqual(known.take([B], 2), { found: [B] });
  });

  it("are empty at once when no instance was ever known", () => {
    assert.equal(new KnownInstances(GRACE_MS).take([], 0), "none");
  });

  it("are kept through empty answers until these have lasted for the grace time", () => {
    const known = new KnownInstances(GRACE_MS);
    known.take([A], 0);
    assert.equal(known.take([], 5_000), undefined);
    assert.equal(known.take([], 5_999), undefined);
    assert.equal(known.empty, false);
    assert.equal(known.take([], 6_000), "none");
    assert.equal(known.empty, true);
    assert.deepEqual(known.take([A], 7_000), { found: [A] });
  });

  it("start a new grace time with each period of empty answers", () => {
    const known = new KnownInstances(GRACE_MS);
    known.take([A], 0);
    known.take([], 100);
    known.take([A], 900);
    assert.equal(known.take([], 1_200), undefined);
    assert.equal(known.take([], 2_100), undefined);
    assert.equal(known.take([], 2_200), "none");
  });
});
