import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { mock } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { CallerBounds } from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import { pino } from "pino";
import type { IncomingCall } from "../application/call.js";
import { LiveConnection } from "./connection.js";
import { createLiveMetrics } from "./metrics.js";

const PING_MS = 20_000;
const ENTRY = 3_000_000;

/** As Node's socket: no time-out comes while parts of a message leave. */
class Carrier extends EventEmitter {
  moved = false;
  #timer: NodeJS.Timeout | undefined;

  setTimeout(ms: number): this {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.moved) this.setTimeout(ms);
      else this.emit("timeout");
      this.moved = false;
    }, ms);
    return this;
  }
}

class FakeSocket extends EventEmitter {
  bufferedAmount = 0;
  terminated = false;
  send(): void {}
  ping(): void {}
  pause(): void {}
  resume(): void {}
  close(): void {}
  terminate(): void {
    this.terminated = true;
    this.emit("close");
  }
}

/** A connection of somebody who has signed in, and whose other end never answers a ping. */
async function open() {
  const [socket, carrier] = [new FakeSocket(), new Carrier()];
  const identity = { kind: "agent", subject: "ann", scopes: [], proof: "token" };
  const proven = { identity };
  const followers: Identity[] = [];
  const stream = (_: object, call: IncomingCall) => {
    followers.push(call.identity);
    return Readable.from([]);
  };
  const deps = {
    guard: { admitToFirst: async () => ({ path: "", ...proven }) },
    taskStreams: new Map([["", stream]]),
    streams: { add: () => () => undefined },
    callers: new CallerBounds(),
    enter: () => () => undefined,
    metrics: createLiveMetrics(undefined),
    log: pino({ level: "silent" }),
  };
  const credentials = { authorization: "Bearer x", address: "127.0.0.1:1" };
  const connection = new LiveConnection({ socket: socket as never, carrier, credentials }, deps as never);
  await turn();
  return { connection, socket, carrier, proven, followers };
}

describe("a connection whose other end does not answer", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  it("goes on while a part of a large message is taken now and then, and ends when nothing is", async () => {
    const { socket, carrier } = await open();
    socket.bufferedAmount = ENTRY;
    for (let ms = 0; ms < 10 * PING_MS; ms += PING_MS / 2) {
      carrier.moved = true;
      mock.timers.tick(PING_MS / 2);
      assert.equal(socket.terminated, false, `after ${ms / 1_000} s`);
    }
    carrier.moved = false;
    mock.timers.tick(2 * PING_MS);
    assert.equal(socket.terminated, true);
  });

  it("ends at the second ping when nothing waits here, whatever the system takes for it", async () => {
    const { socket, carrier } = await open();
    carrier.moved = true;
    mock.timers.tick(PING_MS);
    carrier.moved = true;
    mock.timers.tick(PING_MS - 1);
    assert.equal(socket.terminated, false);
    mock.timers.tick(1);
    assert.equal(socket.terminated, true);
  });

  it("goes on when it answers", async () => {
    const { socket } = await open();
    for (let at = 0; at < 10; at += 1) {
      socket.emit("pong");
      mock.timers.tick(PING_MS);
    }
    assert.equal(socket.terminated, false);
  });
});

describe("a subscription to a log", () => {
  it("shows what its caller may see now, not what it could see when it signed in", async () => {
    const { socket, proven, followers } = await open();
    proven.identity = { ...proven.identity, proof: "of now" };
    const message = { op: "subscribe", id: "1", topic: "log", filter: { taskId: "t" } };
    socket.emit("message", Buffer.from(JSON.stringify(message)), false);
    await turn();
    assert.deepEqual(followers, [proven.identity]);
    socket.emit("close");
  });
});
