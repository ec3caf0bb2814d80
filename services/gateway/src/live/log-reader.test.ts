import assert from "node:assert/strict";
import { CallerBounds } from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { createLiveMetrics } from "./metrics.js";
import { Outbox } from "./outbox.js";
import type { StreamEntry } from "./task-streams.js";
import { TaskSubscription } from "./task-subscription.js";

/** A log of so many entries, and a connection whose other end reads when the test says so. */
function reader(entries: number) {
  const unread: { readonly bytes: number; readonly done: () => void }[] = [];
  const types: string[] = [];
  let made = 0;
  let terminated = false;
  const socket = {
    get bufferedAmount() {
      return unread.reduce((sum, { bytes }) => sum + bytes, 0);
    },
    send(text: string | Buffer, _: object, done: () => void) {
      types.push(JSON.parse(String(text)).type);
      unread.push({ bytes: text.length, done });
    },
    terminate: () => void (terminated = true),
  };
  const outbox = new Outbox(socket, { bytes: 1_000, messages: 100, most: 3_000 }, () => undefined);
  const identity: Identity = { kind: "agent", subject: "ann", scopes: [], proof: "token" };
  async function* stream(): AsyncGenerator<StreamEntry, void> {
    for (; made < entries; made += 1)
      yield {
        sequence: made + 1,
        cursor: String(made + 1),
        name: "textDelta",
        time: new Date(0),
        data: "x".repeat(100),
      };
  }
  let why: unknown = "goes on";
  new TaskSubscription({
    ...{ id: "1", topic: "log", rpc: "", outbox, identity, stream, peer: "127.0.0.1:1" },
    from: { taskId: "t", afterSequence: 0 },
    callers: new CallerBounds(),
    metrics: createLiveMetrics(undefined),
    log: pino({ level: "silent" }),
    over: (reason) => void (why = reason),
  }).begin();
  const read = () => {
    for (const { done } of unread.splice(0)) done();
  };
  return { outbox, types, read, made: () => made, why: () => why, isTerminated: () => terminated };
}

describe("a reader of a log who reads slowly", () => {
  it("makes the log wait, loses nothing, and gets what else the connection shows", async () => {
    const { outbox, types, read, made, why, isTerminated } = reader(1_000);
    await eventually(() => assert.equal(types.length, 1 + 64, "one message for each entry that may be unread"));
    assert.ok(made() <= 65, `${made()} entries were read for somebody who reads none`);
    outbox.send('{"type":"snapshot"}');
    assert.deepEqual([outbox.full, isTerminated()], [false, false], "events of other topics have their room");
    await eventually(() => {
      read();
      assert.equal(why(), undefined, "the log has not ended");
    });
    assert.equal(types.filter((type) => type === "event").length, 1_000);
  });
});
