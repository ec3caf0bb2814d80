import assert from "node:assert/strict";
import type { LiveEvent } from "./event-hub.js";
import { FrameBody } from "./frames.js";
import { createLiveMetrics } from "./metrics.js";
import { Outbox } from "./outbox.js";
import { Subscription } from "./subscription.js";

/** A connection whose other end reads when the test says so. */
function connection() {
  const unread: (() => void)[] = [];
  const sent: {
    readonly type: string;
    readonly sequence?: number;
    readonly count?: number;
    readonly after?: string;
  }[] = [];
  let terminated = false;
  const socket = {
    get bufferedAmount() {
      return unread.length * 100;
    },
    send(text: string | Buffer, _: object, done: () => void) {
      sent.push(JSON.parse(String(text)));
      unread.push(done);
    },
    terminate: () => void (terminated = true),
  };
  const bounds = { bytes: 1_000, messages: 100, most: 3_000, mostUncounted: 2_000 };
  const outbox: Outbox = new Outbox(socket, bounds, () => subscription.hasRoom());
  const subscription = new Subscription({
    ...{ id: "1", topic: "queue", rpc: "", filter: {}, outbox },
    metrics: createLiveMetrics(undefined),
  });
  subscription.begin({ cursor: "c0", start: () => undefined, leave: () => undefined }, undefined);
  const read = (many: number) => {
    for (const done of unread.splice(0, many)) done();
  };
  return { outbox, subscription, sent, read, isTerminated: () => terminated };
}

const body = FrameBody.ofSnapshot("queue", new Date(0), "{}");
const event: LiveEvent = { name: "gate.closed", taskId: "", agentId: "", body };

describe("a reader who reads slowly", () => {
  it("loses events beyond its bound, and is told how many and after which one when it has read half", () => {
    const { subscription, sent, read } = connection();
    for (let at = 1; at <= 30; at += 1) subscription.take(event, `c${at}`);
    assert.deepEqual([sent.length, sent.at(-1)?.sequence], [10, 9]);
    read(4);
    assert.equal(sent.length, 10, "it has not read half");
    read(1);
    assert.deepEqual(sent.at(-1), { type: "missed", id: "1", topic: "queue", count: 21, after: "c9" });
    subscription.take(event, "c31");
    assert.equal(sent.at(-1)?.sequence, 31);
  });

  it("gets the newest state in place of all that it did not see", () => {
    const { subscription, sent, read } = connection();
    for (let at = 1; at <= 30; at += 1) subscription.show(body);
    const newest = FrameBody.ofSnapshot("queue", new Date(0), '{"newest":true}');
    subscription.show(newest);
    assert.equal(sent.length, 10);
    read(10);
    assert.partialDeepStrictEqual(sent.at(-1), { type: "snapshot", data: { newest: true } });
    assert.equal(sent.length, 11);
  });

  it("is told that nobody knows how many, when others were lost before anybody counted them", () => {
    const { subscription, sent, read } = connection();
    for (let at = 1; at <= 12; at += 1) subscription.take(event, `c${at}`);
    subscription.lost();
    read(10);
    assert.deepEqual(sent.at(-1), { type: "missed", id: "1", topic: "queue", count: 0, after: "c9" });
  });

  it("is waited for before earlier events are read for it, until it reads or is gone", async () => {
    const { subscription, outbox, read } = connection();
    for (let at = 1; at <= 12; at += 1) subscription.take(event, `c${at}`);
    const order: string[] = [];
    const room = subscription.room().then(() => order.push("room"));
    await Promise.resolve();
    order.push("reads");
    read(10);
    await room;
    assert.deepEqual(order, ["reads", "room"]);
    for (let at = 1; at <= 12; at += 1) subscription.take(event, `c${at}`);
    outbox.close();
    await subscription.room();
  });

  it("is given up when it only asks and never reads", () => {
    const { outbox, isTerminated } = connection();
    for (let at = 1; at <= 28; at += 1) outbox.send("{}");
    assert.equal(isTerminated(), false);
    outbox.send("{}");
    assert.equal(isTerminated(), true);
  });

  it("is given up when logs that it does not read fill its connection, however large one of their entries may be", () => {
    const { outbox, isTerminated } = connection();
    const large = Buffer.from(JSON.stringify("x".repeat(5_000)));
    outbox.sendUncounted(large, () => undefined);
    assert.equal(isTerminated(), false);
    outbox.sendUncounted(large, () => undefined);
    assert.equal(isTerminated(), true);
  });
});
