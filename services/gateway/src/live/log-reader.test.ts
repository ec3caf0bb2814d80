import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { limited } from "@ccsp/errors";
import { CallerBounds, callerName, type MeteredCall } from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import type { IncomingCall } from "../application/call.js";
import { createLiveMetrics } from "./metrics.js";
import { Outbox } from "./outbox.js";
import type { StreamEntry } from "./task-streams.js";
import { TaskSubscription } from "./task-subscription.js";

const ANN: Identity = { kind: "agent", subject: "ann", scopes: [], proof: "token" };
/** The default of CCSP_CALLER_UNREAD_BYTES. */
const MOST_UNREAD = 32 * 1024 * 1024;
const LARGE = 3_000_000;

interface Log {
  readonly entries: number;
  readonly bytes: number;
  /** It goes on when all entries were read. */
  readonly open?: boolean;
}

/** A connection whose other end reads when the test says so, and a caller who may follow three logs at once. */
function connection() {
  const unread: { readonly bytes: number; readonly done: () => void }[] = [];
  const types: string[] = [];
  let terminated = false;
  let calls = 0;
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
  const bounds = { bytes: 1_000, messages: 100, most: 3_000, mostUncounted: 10 * LARGE };
  const outbox = new Outbox(socket, bounds, () => undefined);
  const began = (): MeteredCall => {
    if (calls === 3) throw limited("calls", "has 3 calls in progress", 1_000);
    calls += 1;
    return { moved: () => undefined, ended: () => void (calls -= 1) };
  };
  const limits = { unfinishedRequests: 10, bodyMs: 60_000, abandonedPerSecond: 1 };
  const callers = new CallerBounds({ limits, meter: { began, arrived: () => undefined } });

  const follow = ({ entries, bytes, open = false }: Log) => {
    let made = 0;
    async function* stream(_: object, call: IncomingCall): AsyncGenerator<StreamEntry, void> {
      call.unread.countFor(ANN.subject);
      const data = "x".repeat(bytes);
      for (; made < entries; made += 1)
        yield { sequence: made + 1, cursor: String(made + 1), name: "textDelta", time: new Date(0), data };
      if (open) await new Promise<never>(() => undefined);
    }
    let why: unknown = "goes on";
    const subscription = new TaskSubscription({
      ...{ id: "1", topic: "log", rpc: "", outbox, identity: ANN, stream, peer: "127.0.0.1:1", callers },
      from: { taskId: "t", afterSequence: 0 },
      metrics: createLiveMetrics(undefined),
      log: pino({ level: "silent" }),
      over: (reason) => void (why = reason),
    });
    subscription.begin();
    return { subscription, made: () => made, why: () => why };
  };
  /** Whether the caller may have this many bytes more that it has not read. */
  const hasRoomFor = (bytes: number): boolean => {
    const own = callers.unreadOf(() => new AbortController().signal);
    own.countFor(ANN.subject);
    const fits = own.tryReserve(bytes);
    own.close();
    return fits;
  };
  const read = () => {
    for (const { done } of unread.splice(0)) done();
  };
  const abandon = () => callers.stateOf(callerName(ANN, ""))?.abandon(undefined);
  const events = () => types.filter((type) => type === "event").length;
  return {
    outbox,
    types,
    events,
    read,
    follow,
    hasRoomFor,
    abandon,
    calls: () => calls,
    isTerminated: () => terminated,
  };
}

describe("a caller who abandoned too many calls", () => {
  it("may follow no log, as it may make no call", () => {
    const { abandon, follow } = connection();
    for (let at = 0; at < 6; at += 1) abandon();
    assert.throws(() => follow({ entries: 1, bytes: 1 }), { reason: "CALLER_LIMIT" });
  });
});

describe("a reader of a log who reads slowly", () => {
  it("makes the log wait, loses nothing, and gets what else the connection shows", async () => {
    const { outbox, types, events, read, follow, isTerminated } = connection();
    const { made, why } = follow({ entries: 1_000, bytes: 100 });
    await eventually(() => assert.equal(types.length, 1 + 64, "one message for each entry that may be unread"));
    assert.ok(made() <= 65, `${made()} entries were read for somebody who reads none`);
    outbox.send('{"type":"snapshot"}');
    assert.deepEqual([outbox.full, isTerminated()], [false, false], "events of other topics have their room");
    await eventually(() => {
      read();
      assert.equal(why(), undefined, "the log has not ended");
    });
    assert.equal(events(), 1_000);
  });

  it("has it counted until it has read it, also after it left the log", async () => {
    const { events, read, follow, hasRoomFor, calls } = connection();
    for (let at = 1; at <= 3; at += 1) {
      const { subscription } = follow({ entries: 1, bytes: LARGE, open: true });
      await eventually(() => assert.equal(events(), at));
      subscription.end();
    }
    await turn();
    assert.throws(() => follow({ entries: 1, bytes: LARGE }), { reason: "CALLER_LIMIT" });
    assert.equal(hasRoomFor(MOST_UNREAD - 2 * LARGE), false, "the caller's room is what the connection does not hold");
    read();
    await eventually(() => assert.equal(calls(), 0));
    assert.equal(hasRoomFor(MOST_UNREAD), true);
  });

  it("has it counted until it has read it, also when the log is short and has ended", async () => {
    const { events, read, follow, hasRoomFor, calls } = connection();
    const { why } = follow({ entries: 1, bytes: 200_000 });
    await eventually(() => assert.equal(events(), 1));
    await turn();
    assert.deepEqual([why(), calls()], ["goes on", 1], "too much of it waits to say that it was sent");
    read();
    await eventually(() => assert.deepEqual([why(), calls()], [undefined, 0]));
    const { why: whyShort } = follow({ entries: 1, bytes: 50_000 });
    await eventually(() => assert.equal(whyShort(), undefined));
    await turn();
    assert.deepEqual([calls(), hasRoomFor(MOST_UNREAD)], [1, false], "what it has not read counts");
    read();
    await eventually(() => assert.equal(calls(), 0));
  });
});
