import assert from "node:assert/strict";
import type { CcspClient } from "@ccsp/client";
import { eventually } from "@ccsp/testkit";
import { WebSocket } from "ws";

/** What a client that does nothing wrong may wait for an event or a pong, on a busy machine. */
const PATIENCE = { timeoutMs: 30_000 };

export interface HonestFigures {
  /** The events that came. */
  readonly events: number;
  readonly pongs: number;
  /** The longest time from a `ping` to its `pong`. */
  readonly slowestPongMs: number;
}

export interface Honest {
  /** Resolves when the subscriber has ended. Rejects if it was not served as promised. */
  stop(): Promise<HonestFigures>;
}

/**
 * Follows the tasks of its own agent over the WebSocket. Until `stop`, it submits tasks and cancels them, one after the
 * other, and waits for both events of each and for a pong.
 */
export async function startHonest(url: string, token: string, client: CcspClient): Promise<Honest> {
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
  const events: { readonly sequence: number; readonly cursor: string; readonly what: string }[] = [];
  const others: string[] = [];
  let subscribed = false;
  let pongs = 0;
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString("utf8"));
    if (message.type === "event")
      events.push({
        sequence: message.sequence,
        cursor: message.cursor,
        what: `${message.name} ${message.data.taskId}`,
      });
    else if (message.type === "subscribed") subscribed = true;
    else if (message.type === "pong") pongs += 1;
    else if (message.type !== "ready") others.push(JSON.stringify(message));
  });
  socket.on("error", (error) => others.push(String(error)));
  socket.on("close", (code) => others.push(`closed with ${code}`));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  socket.send(JSON.stringify({ op: "subscribe", id: "honest", topic: "tasks" }));
  await eventually(() => assert.ok(subscribed, others.join()), PATIENCE);

  const expected: string[] = [];
  let slowestPongMs = 0;
  const expectEvent = async (what: string): Promise<void> => {
    expected.push(what);
    await eventually(() => assert.equal(events.length, expected.length, others.join()), {
      ...PATIENCE,
      what: `the event ${what} to reach the honest subscriber`,
    });
  };
  const round = async (): Promise<void> => {
    // It never runs, so it has these two events and no other.
    const { id } = await client.submit({ prompt: "waits", startTime: new Date(Date.now() + 86_400_000) });
    await expectEvent(`task.enqueued ${id}`);
    await client.cancel(id, "enough");
    await expectEvent(`task.cancelled ${id}`);
    const beganMs = performance.now();
    const before = pongs;
    socket.send('{"op":"ping"}');
    await eventually(() => assert.equal(pongs, before + 1), { ...PATIENCE, what: "the pong" });
    slowestPongMs = Math.max(slowestPongMs, performance.now() - beganMs);
  };
  const ending = new AbortController();
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) await round();
  };
  const ran = run();
  // It is thrown by `stop`.
  ran.catch(() => undefined);
  return {
    async stop() {
      ending.abort();
      try {
        await ran;
        assert.deepEqual(others, []);
        assert.deepEqual(
          events.map(({ what }) => what),
          expected,
        );
        assert.ok(events.every(({ sequence }, at) => sequence === at + 1));
        assert.equal(new Set(events.map(({ cursor }) => cursor)).size, events.length);
        return { events: events.length, pongs, slowestPongMs: Math.round(slowestPongMs) };
      } finally {
        socket.removeAllListeners("close");
        socket.terminate();
      }
    },
  };
}
