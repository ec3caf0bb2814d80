import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { UnreadBytes } from "./caller-unread.js";
import { CallUnread, SMALL_BYTES } from "./unread.js";

const BIG = 10 * SMALL_BYTES;
const limited = (error: unknown): boolean => error instanceof Refusal && error.reason === "CALLER_LIMIT";

describe("the limit of unread bytes of one caller", () => {
  const started = (waitMs = 60_000) => {
    const all = new UnreadBytes({ callerBytes: 2 * BIG, waitMs });
    return (caller: string) => {
      const aborter = new AbortController();
      const unread = new CallUnread(all, () => aborter.signal);
      unread.countFor(caller);
      return Object.assign(unread, { abort: () => aborter.abort(new Error("gone")) });
    };
  };

  it("is shared by its calls, and freed as they are read or end", async () => {
    const call = started();
    const [one, two, three] = [call("alice"), call("alice"), call("alice")];
    const cost = await one.take(BIG);
    await two.reserve(BIG);
    assert.equal(three.tryReserve(BIG), false);
    assert.equal(call("bob").tryReserve(BIG), true);
    one.giveBack(cost);
    assert.equal(three.tryReserve(BIG), true);
    two.close();
    two.giveBack(BIG);
    const four = call("alice");
    assert.equal(four.tryReserve(BIG), true);
    assert.equal(call("alice").tryReserve(BIG), false);
  });

  it("is granted to waiting calls in their order of arrival, also before a call that asks just then", async () => {
    const call = started();
    const holder = call("alice");
    await holder.take(2 * BIG);
    const order: string[] = [];
    const first = call("alice").reserve(2 * BIG);
    const later = call("alice");
    const second = later.reserve(BIG);
    const waits = [first.then(() => order.push("first")), assert.rejects(second, /gone/)];
    holder.giveBack(BIG);
    assert.equal(call("alice").tryReserve(BIG), false);
    holder.giveBack(BIG);
    await waits[0];
    assert.deepEqual(order, ["first"]);
    later.abort();
    await waits[1];
  });

  it("passes to the next waiting call when one gives up", async () => {
    const call = started();
    const holder = call("alice");
    await holder.take(BIG + 1);
    const [large, small] = [call("alice"), call("alice")];
    const gone = assert.rejects(large.reserve(2 * BIG), /gone/);
    const served = small.reserve(SMALL_BYTES + 1);
    large.abort();
    await gone;
    await served;
  });

  it("allows a single message that is larger than the limit", async () => {
    const call = started();
    const one = call("alice");
    const cost = await one.take(100 * BIG);
    assert.equal(call("alice").tryReserve(BIG), false);
    one.giveBack(cost);
    assert.equal(call("alice").tryReserve(2 * BIG), true);
  });

  it("refuses one more call that would wait with its bytes in memory, and a call that waited too long", async () => {
    const call = started(5);
    const holder = call("alice");
    await holder.take(2 * BIG);
    const waiting = [call("alice").take(2 * BIG), call("alice").reserve(BIG)].map((wait) =>
      assert.rejects(wait, limited),
    );
    await assert.rejects(call("alice").take(BIG), limited);
    await Promise.all(waiting);
    holder.close();
    assert.equal(call("alice").tryReserve(2 * BIG), true);
  });

  it("is shared by all calls of a caller, also by one that began before another caller's", async () => {
    const call = started();
    const early = call("alice");
    const other = call("bob");
    const late = call("alice");
    await early.take(2 * BIG);
    assert.equal(late.tryReserve(BIG), false);
    assert.equal(other.tryReserve(2 * BIG), true);
    early.close();
    assert.equal(late.tryReserve(2 * BIG), true);
  });

  it("is freed by a call that has ended", async () => {
    const call = started();
    const [over, open] = [call("alice"), call("alice")];
    over.close();
    over.tryReserve(2 * BIG);
    await over.reserve(2 * BIG);
    await over.take(2 * BIG);
    assert.equal(open.tryReserve(2 * BIG), true);
  });

  it("does not count small messages, nor a call without a caller", async () => {
    const all = new UnreadBytes({ callerBytes: BIG, waitMs: 1 });
    const call = new CallUnread(all, () => new AbortController().signal);
    assert.equal(await call.take(SMALL_BYTES), 0);
    for (let i = 0; i < 5; i++) await call.take(BIG);
    assert.equal(call.tryReserve(BIG), true);
  });
});
