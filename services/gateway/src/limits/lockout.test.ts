import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { type FailureStore, Lockout } from "./lockout.js";

describe("the lockout", () => {
  let nowMs = 0;
  beforeEach(() => (nowMs = 0));
  const shared = (): FailureStore & { readonly kept: number[] } => {
    let [count, untilMs] = [0, 0];
    const kept: number[] = [];
    return {
      kept,
      async add() {
        if (nowMs >= untilMs) [count, untilMs] = [0, nowMs + 60_000];
        return (count += 1);
      },
      keep(_who, failures, ms) {
        [count, untilMs] = [failures, nowMs + ms];
        kept.push(ms);
      },
      forget: () => void (count = 0),
    };
  };
  const lockout = (store = shared(), failures = 10) =>
    new Lockout({ failures, store, onLocked: () => undefined, now: () => nowMs });
  const fail = async (each: Lockout, times = 1) => {
    for (let i = 0; i < times; i++) each.failed("a");
    await turn();
  };

  it("begins with the tenth failure in a minute, and doubles with each further one, up to 15 minutes", async () => {
    const each = lockout();
    await fail(each, 9);
    assert.equal(each.waitMs("a"), 0);
    const locks: number[] = [];
    for (let i = 0; i < 12; i++) {
      await fail(each);
      locks.push(each.waitMs("a") / 1_000);
      nowMs += each.waitMs("a");
      assert.equal(each.waitMs("a"), 0, "it ends by itself");
    }
    assert.deepEqual(locks, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    assert.equal(each.waitMs("b"), 0);
  });

  it("does not begin when the failures come slowly, and ends its series after a quiet minute", async () => {
    const each = lockout();
    await fail(each, 9);
    nowMs += 60_000;
    await fail(each, 9);
    assert.equal(each.waitMs("a"), 0);
    await fail(each);
    nowMs += 61_000;
    await fail(each);
    assert.equal(each.waitMs("a"), 0);
  });

  it("is forgotten with a success", async () => {
    const each = lockout();
    await fail(each, 12);
    each.succeeded("a");
    assert.equal(each.waitMs("a"), 0);
    await fail(each, 9);
    assert.equal(each.waitMs("a"), 0);
  });

  it("counts the failures at other replicas, and keeps the number for as long as the series may go on", async () => {
    const store = shared();
    const [one, other] = [lockout(store), lockout(store)];
    await fail(one, 9);
    await fail(other);
    assert.equal(other.waitMs("a"), 1_000);
    assert.deepEqual(store.kept, [61_000]);
    await fail(one);
    assert.equal(one.waitMs("a"), 2_000);
  });

  it("does not exist at 0", async () => {
    const each = lockout(shared(), 0);
    await fail(each, 100);
    assert.equal(each.waitMs("a"), 0);
  });
});
