import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createToken } from "@ccsp/cli";
import { createCcspClient } from "@ccsp/client";
import { startRedis } from "@ccsp/fleet";
import { ROLES } from "@ccsp/identity";
import { eventually, startServiceProcess } from "@ccsp/testkit";
import { WebSocket } from "ws";

const SECRET = "a secret of this test and of nothing else";
const PATIENCE = { timeoutMs: 180_000 };
/** Each act makes two events: a task is submitted, and cancelled. */
const ACTS_PER_SECOND = 5;
/** More than one, so that those who never read are over their bound within seconds. */
const SUBSCRIPTIONS_OF_SILENT = 20;
/** Each caller has fewer than 100 connections. */
const CALLERS = 10;

export interface CrowdOptions {
  readonly readers: number;
  /** How many of the readers never read. */
  readonly silent: number;
  readonly seconds: number;
}

export interface CrowdFigures {
  readonly events: number;
  /** The readers that got each event once, and in a sequence without a gap. */
  readonly whole: number;
  /** The subscriptions of silent readers where received events and reported losses add up to all events. */
  readonly accounted: number;
  /** Events that were reported as lost to silent readers. */
  readonly missed: number;
  /** For each event and each reader that reads: from its time in the stream to its arrival. */
  readonly latenessMs: readonly number[];
  readonly gatewayMb: { readonly before: number; readonly after: number };
}

/**
 * Many readers of one gateway, some of which stop to read, while tasks are submitted and cancelled at a real queue. At
 * the end, those who stopped read again.
 */
export async function measureCrowd({ readers, silent, seconds }: CrowdOptions): Promise<CrowdFigures> {
  const opened: (() => unknown)[] = [];
  try {
    const redis = await startRedis();
    opened.push(() => redis.stop());
    const start = async (name: string, env: Record<string, string>) => {
      const folder = fileURLToPath(new URL(`../../../services/${name}`, import.meta.url));
      const common = { PATH: process.env["PATH"] ?? "", CCSP_REDIS_URL: redis.url, CCSP_HEARTBEAT: "0s" };
      const service = await startServiceProcess({ name, folder, env: { ...common, ...env } });
      opened.push(() => service.stop());
      return service;
    };
    const queue = await start("queue", {});
    const gateway = await start("gateway", { CCSP_QUEUE_TARGET: queue.address, CCSP_JWT_SECRET: SECRET });
    const token = (agent: string) => createToken({ secret: SECRET, agent, scopes: ROLES.operator, ttlSeconds: 3_600 });
    const url = `${gateway.httpAddress.replace("http", "ws")}/ws`;
    const connect = async (at: number, subscriptions: number): Promise<Reader> => {
      const reader = new Reader(url, await token(`reader-${at % CALLERS}`), subscriptions);
      opened.push(() => reader.close());
      await reader.ready();
      return reader;
    };
    const memory = async () =>
      Math.round(
        Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${gateway.process.pid}/status`, "utf8"))?.[1]) / 1024,
      );

    const reading = await inTurn(readers - silent, (at) => connect(at, 1));
    const quiet = await inTurn(silent, (at) => connect(at, SUBSCRIPTIONS_OF_SILENT));
    for (const each of quiet) each.pause();
    const before = await memory();
    const client = createCcspClient({ target: gateway.address, token: () => token("ann"), connectMs: 60_000 });
    opened.push(() => client.close());
    const events = await makeEvents(client, seconds);
    await eventually(() => assert.ok(reading.every(({ seen }) => seen.length === events)), PATIENCE).catch(
      () => undefined,
    );
    const after = await memory();
    for (const each of quiet) each.resume();
    const accounted = () => quiet.flatMap((each) => each.accounts()).filter((count) => count === events).length;
    await eventually(() => assert.equal(accounted(), silent * SUBSCRIPTIONS_OF_SILENT), PATIENCE).catch(
      () => undefined,
    );
    return {
      events,
      whole: reading.filter((each) => each.isWhole(events)).length,
      accounted: accounted(),
      missed: quiet.reduce((sum, { missed }) => sum + missed, 0),
      latenessMs: reading.flatMap(({ latenessMs }) => latenessMs),
      gatewayMb: { before, after },
    };
  } finally {
    for (const close of opened.toReversed()) await close();
  }
}

async function makeEvents(client: ReturnType<typeof createCcspClient>, seconds: number): Promise<number> {
  const acts = seconds * ACTS_PER_SECOND;
  const labels = Object.fromEntries(Array.from("abcdefghijklmnopqrstuvwxyz", (name) => [name, "x".repeat(60)]));
  // On a busy machine, an answer may come too late. The same request again makes no second event.
  const submitAndCancel = async (at: number): Promise<void> => {
    const task = { prompt: "x", labels };
    const { id } = await eventually(() => client.submit(task, { requestId: `crowd-${at}` }), PATIENCE);
    await eventually(() => client.cancel(id, "y".repeat(250)), PATIENCE);
  };
  const startMs = performance.now();
  const acted: Promise<unknown>[] = [];
  for (let at = 0; at < acts; at += 1) {
    await sleep(Math.max(0, startMs + (at * 1_000) / ACTS_PER_SECOND - performance.now()));
    acted.push(submitAndCancel(at));
  }
  await Promise.all(acted);
  return acts * 2;
}

/** Makes this many of something, a few at a time. */
async function inTurn<T>(many: number, make: (at: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < many) {
    const next = Array.from({ length: Math.min(25, many - made.length) }, (_, at) => make(made.length + at));
    made.push(...(await Promise.all(next)));
  }
  return made;
}

interface Message {
  readonly type: string;
  readonly id: string;
  readonly sequence: number;
  readonly count: number;
  readonly cursor: string;
  readonly time: string;
}

class Reader {
  readonly seen: { readonly sequence: number; readonly cursor: string }[] = [];
  readonly latenessMs: number[] = [];
  missed = 0;
  /** By subscription, the events that came and those that were missed. */
  readonly #accounts = new Map<string, number>();
  readonly #socket: WebSocket;
  readonly #subscriptions: number;
  #saying: NodeJS.Timeout | undefined;

  constructor(url: string, token: string, subscriptions: number) {
    this.#subscriptions = subscriptions;
    this.#socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    this.#socket.on("message", (data: Buffer) => this.#received(JSON.parse(data.toString("utf8"))));
  }

  /** Resolves when it has subscribed. */
  async ready(): Promise<void> {
    await new Promise((resolve, reject) => this.#socket.once("open", resolve).once("error", reject));
    for (let id = 1; id <= this.#subscriptions; id += 1)
      this.#socket.send(JSON.stringify({ op: "subscribe", id: String(id), topic: "tasks" }));
    await eventually(() => assert.equal(this.#accounts.size, this.#subscriptions), PATIENCE);
  }

  /** Reads nothing more, but says that it is there. The gateway would end a connection that answers no ping. */
  pause(): void {
    this.#socket.pause();
    this.#saying = setInterval(() => this.#socket.pong(), 5_000);
  }

  resume(): void {
    clearInterval(this.#saying);
    this.#socket.resume();
  }

  close(): void {
    clearInterval(this.#saying);
    this.#socket.terminate();
  }

  accounts(): number[] {
    return [...this.#accounts.values()];
  }

  isWhole(events: number): boolean {
    return (
      this.seen.length === events &&
      this.seen.every(({ sequence }, at) => sequence === at + 1) &&
      new Set(this.seen.map(({ cursor }) => cursor)).size === events
    );
  }

  #received({ type, id, sequence, count, cursor, time }: Message): void {
    if (type === "subscribed") this.#accounts.set(id, 0);
    if (type === "missed") {
      this.missed += count;
      this.#accounts.set(id, (this.#accounts.get(id) ?? 0) + count);
    }
    if (type !== "event") return;
    this.latenessMs.push(Date.now() - Date.parse(time));
    this.seen.push({ sequence, cursor });
    this.#accounts.set(id, (this.#accounts.get(id) ?? 0) + 1);
  }
}
