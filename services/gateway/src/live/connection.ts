import { invalidFields, limited, Refusal } from "@ccsp/errors";
import { type CallerBounds, callerAddress, callerName, type MeteredCall, refusalFor } from "@ccsp/grpc-kit";
import type { CallerCredentials, Identity } from "@ccsp/identity";
import type { WebSocket } from "@fastify/websocket";
import type { Logger } from "pino";
import { mayReadPrompts } from "../application/call.js";
import type { Guard } from "../application/guard.js";
import type { OpenStreams } from "../keys/open-streams.js";
import { type ClientMessage, readClientMessage } from "./client-message.js";
import type { EventHub } from "./event-hub.js";
import { endedFrame, errorFrame, frame, readyFrame } from "./frames.js";
import type { LiveMetrics } from "./metrics.js";
import { Outbox } from "./outbox.js";
import type { Snapshots } from "./snapshots.js";
import { Subscription } from "./subscription.js";
import type { TaskStream } from "./task-streams.js";
import { TaskSubscription, type TaskSubscriptionOptions } from "./task-subscription.js";
import { hasSnapshot, isOfTask, type SnapshotTopic, TOPICS, WATCH_OWN_TASKS } from "./topics.js";

/** A WebSocket that has just been opened. */
export interface Opened {
  readonly socket: WebSocket;
  /** The connection that carries it. */
  readonly carrier: {
    on(event: "timeout", act: () => void): unknown;
    setTimeout(ms: number): unknown;
  };
  readonly credentials: CallerCredentials;
}

/** What all connections of a process share. */
export interface ConnectionDeps {
  readonly guard: Guard;
  readonly streams: OpenStreams;
  readonly callers: CallerBounds;
  readonly hub: EventHub;
  readonly snapshots: Readonly<Record<SnapshotTopic, Snapshots>>;
  readonly taskStreams: ReadonlyMap<string, TaskStream>;
  /** Takes a place for one more connection of this caller. Refuses with CALLER_LIMIT. Returns how to give it back. */
  readonly enter: (caller: string) => () => void;
  readonly metrics: LiveMetrics;
  readonly log: Logger;
}

/** Why the gateway closes a connection. docs/websocket.md has the same list. */
export const CLOSE = { goingAway: 1001, tryLater: 1013, badMessages: 4400, notSignedIn: 4401, limit: 4429 } as const;

/**
 * 256 KiB are some hundred events. A page that has not read them does not show what happens now. 48 MiB of logs are what
 * a caller may have unread by default (32 MiB), and one message.
 */
const BOUNDS = { bytes: 256 * 1024, messages: 1_000, most: 1024 * 1024, mostUncounted: 48 * 1024 * 1024 };
const AUTH_MS = 5_000;
const PING_MS = 20_000;
/** Less than the time between two pings. */
const STUCK_MS = 15_000;
/** A connection without a subscription for this many pings is closed. */
const IDLE_PINGS = 15;
const MOST_SUBSCRIPTIONS = 50;
/** Messages that were received and not answered. Above it, nothing more is read. */
const MOST_PENDING = 8;
const MOST_FAULTS = 5;
/** The longest time of setTimeout. */
const LONGEST_MS = 2 ** 31 - 1;

const NO_SIGNAL = new AbortController().signal;
/** Anyone who proves who they are may connect. What they may see is asked for each subscription. */
const CONNECT = "/ccsp.gateway.v1.OperatorService/WhoAmI";

interface Session {
  readonly identity: Identity;
  readonly credentials: CallerCredentials;
  /** Ends the watch for a revocation, and for the expiry. */
  readonly leave: () => void;
}

/** One WebSocket: who is at its other end, and what it follows. */
export class LiveConnection {
  readonly #socket: WebSocket;
  readonly #carrier: Opened["carrier"];
  readonly #deps: ConnectionDeps;
  readonly #address: string;
  readonly #outbox: Outbox;
  readonly #subscriptions = new Map<string, Subscription | TaskSubscription>();
  #session: Session | undefined;
  #metered: MeteredCall | undefined;
  #exit = (): void => undefined;
  #timer: NodeJS.Timeout;
  #turn: Promise<void> = Promise.resolve();
  #pending = 0;
  #faults = 0;
  #idlePings = 0;
  #heard = true;
  /** Since the last ping, some of what waited then was taken, as far as is known. */
  #takes = false;
  #over = false;

  constructor({ socket, carrier, credentials }: Opened, deps: ConnectionDeps) {
    this.#socket = socket;
    this.#carrier = carrier;
    this.#deps = deps;
    this.#address = credentials.address;
    this.#outbox = new Outbox(socket, BOUNDS, () => {
      for (const each of this.#subscriptions.values()) if (each instanceof Subscription) each.hasRoom();
    });
    deps.metrics.connections.inc();
    socket.on("close", () => this.#end());
    socket.on("pong", () => void (this.#heard = true));
    carrier.on("timeout", () => void (this.#takes = false));
    socket.on("message", (data, binary) => this.#received(data, binary));
    const missing = new Refusal("TOKEN_MISSING", `no token came within ${AUTH_MS / 1_000} s of the connection`);
    this.#timer = setTimeout(() => this.refuse(missing), AUTH_MS);
    if (credentials.authorization !== undefined) this.#inTurn(() => this.#signIn(credentials));
  }

  /** Says why, and closes. */
  refuse(why: Refusal): void {
    this.#outbox.send(errorFrame(why));
    this.close(closeCodeOf(why), why.reason);
  }

  close(code: number, reason: string): void {
    this.#end();
    this.#socket.close(code, reason);
  }

  /** For a client that does not answer the close. */
  terminate(): void {
    this.#socket.terminate();
  }

  #received(data: Buffer | ArrayBuffer | Buffer[], binary: boolean): void {
    this.#heard = true;
    const bytes = Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]);
    this.#metered?.moved(bytes.length);
    this.#inTurn(() => {
      if (binary) throw invalidFields([{ field: "message", description: "is not text" }]);
      return this.#handle(readClientMessage(bytes.toString("utf8")));
    });
  }

  /** Answers one message after the other. While some wait, the connection is not read. */
  #inTurn(work: () => Promise<void>): void {
    this.#pending += 1;
    if (this.#pending >= MOST_PENDING) this.#socket.pause();
    this.#turn = this.#after(this.#turn, work);
  }

  async #after(turn: Promise<void>, work: () => Promise<void>): Promise<void> {
    await turn;
    try {
      if (!this.#over) await work();
    } catch (error) {
      this.#failed(error);
    }
    this.#pending -= 1;
    if (this.#pending < MOST_PENDING) this.#socket.resume();
  }

  #failed(error: unknown): void {
    if (this.#over) return;
    const why = refusalFor(error, { signal: NO_SIGNAL, method: "WebSocket" }, this.#deps.log);
    // A caller without a session has nothing to continue.
    if (this.#session === undefined && why.reason !== "INVALID_FIELD") return this.refuse(why);
    this.#faults += 1;
    this.#outbox.send(errorFrame(why));
    if (this.#faults >= MOST_FAULTS) this.close(CLOSE.badMessages, "too many messages were refused");
  }

  async #handle(message: ClientMessage): Promise<void> {
    if (message.op === "ping") return this.#outbox.send(frame({ type: "pong" }));
    if (message.op === "auth")
      return this.#signIn({ authorization: `Bearer ${message.token}`, address: this.#address });
    if (this.#session === undefined)
      throw new Refusal("TOKEN_MISSING", 'nobody has signed in: send {"op":"auth","token":"…"} first');
    try {
      // What the client leaves may just have ended, so it is no fault of the connection when there is nothing to leave.
      if (message.op === "unsubscribe") this.#unsubscribe(message.id);
      else await this.#subscribe(message, this.#session);
    } catch (error) {
      const why = refusalFor(error, { signal: NO_SIGNAL, method: "WebSocket" }, this.#deps.log);
      this.#outbox.send(errorFrame(why, message.id));
    }
  }

  async #signIn(credentials: CallerCredentials): Promise<void> {
    const { guard, streams, callers, enter } = this.#deps;
    const { identity } = await guard.admitToFirst([CONNECT], credentials);
    if (this.#over) return;
    const before = this.#session;
    const caller = callerName(identity, "");
    if (before === undefined) {
      this.#exit = enter(caller);
      this.#metered = callers.meter?.began(identity, callerAddress(this.#address));
      this.#watch();
    } else if (callerName(before.identity, "") !== caller)
      throw new Refusal("TOKEN_INVALID", "the new token belongs to another caller");
    const stop = (why: Refusal): void => this.refuse(why);
    const forget = streams.add({ identity, stop });
    const cancel = atTime(identity.expireTime, () =>
      stop(new Refusal("TOKEN_EXPIRED", "the token has expired, and none came in its place")),
    );
    before?.leave();
    this.#session = {
      identity,
      credentials,
      leave() {
        forget();
        cancel();
      },
    };
    this.#outbox.send(readyFrame(before === undefined ? "ready" : "renewed", identity));
    if (before !== undefined) await this.#checkAgain(credentials);
  }

  /** A new token may allow less, or show another part of prompts and answers. */
  async #checkAgain(credentials: CallerCredentials): Promise<void> {
    for (const each of this.#subscriptions.values()) {
      const { id, topic, rpc } = each;
      try {
        const { path, identity } = await this.#deps.guard.admitToFirst(TOPICS[topic].rpcs, credentials);
        const sameContent = each instanceof Subscription || mayReadPrompts(each.identity) === mayReadPrompts(identity);
        if (path === rpc && sameContent) continue;
        throw new Refusal("SCOPE_MISSING", "the new token shows something else here: subscribe again");
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.#unsubscribe(id);
        this.#outbox.send(errorFrame(error, id));
      }
    }
  }

  async #subscribe(
    { id, topic, filter, after }: Extract<ClientMessage, { op: "subscribe" }>,
    { credentials }: Session,
  ): Promise<void> {
    const { guard, hub, snapshots, metrics } = this.#deps;
    if (this.#subscriptions.has(id)) throw invalidFields([{ field: "id", description: "is in use by a subscription" }]);
    if (this.#subscriptions.size >= MOST_SUBSCRIPTIONS)
      throw limited(
        "calls",
        `has ${MOST_SUBSCRIPTIONS} subscriptions on this connection, which is the maximum`,
        RETRY_MS,
      );
    // The identity of now: a role may have changed since the session began.
    const { path: rpc, identity } = await guard.admitToFirst(TOPICS[topic].rpcs, credentials);
    if (isOfTask(topic)) {
      const from = { taskId: filter.taskId ?? "", afterSequence: Number(after ?? 0) };
      return this.#stream({ id, topic, rpc, from, identity });
    }
    const own = rpc === WATCH_OWN_TASKS ? identity.subject : undefined;
    if (own !== undefined && filter.agentId !== undefined && filter.agentId !== own)
      throw new Refusal("SCOPE_MISSING", "the tasks of another agent need the scope tasks:read-all", {
        metadata: { scope: "tasks:read-all" },
      });
    const subscription = new Subscription({
      id,
      topic,
      rpc,
      filter: { ...filter, agentId: own ?? filter.agentId },
      outbox: this.#outbox,
      metrics,
    });
    const joined = await hub.join(subscription, after);
    if (this.#over) return joined.leave();
    this.#subscriptions.set(id, subscription);
    this.#idlePings = 0;
    subscription.begin(joined, hasSnapshot(topic) ? snapshots[topic] : undefined);
  }

  #stream(of: Pick<TaskSubscriptionOptions, "id" | "topic" | "rpc" | "from" | "identity">): void {
    const { taskStreams, callers, metrics, log } = this.#deps;
    const { id, topic, rpc } = of;
    const stream = taskStreams.get(rpc);
    if (this.#over) return;
    if (!stream) throw new Error(`${rpc} has no stream for the topic ${topic}`);
    const subscription = new TaskSubscription({
      ...{ ...of, stream, peer: this.#address, callers, outbox: this.#outbox, metrics, log },
      over: (why) => {
        this.#subscriptions.delete(id);
        this.#outbox.send(endedFrame(id, topic, why));
      },
    });
    this.#subscriptions.set(id, subscription);
    this.#idlePings = 0;
    subscription.begin();
  }

  #unsubscribe(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) throw invalidFields([{ field: "id", description: "names no subscription" }]);
    this.#subscriptions.delete(id);
    subscription.end();
    this.#outbox.send(frame({ type: "unsubscribed", id }));
  }

  /**
   * Asks whether the other end is still there, and closes what nobody uses. A ping waits behind what was sent before it.
   * So a client is also there while it takes that. Only what waits here counts: the system takes some for anybody.
   */
  #watch(): void {
    clearTimeout(this.#timer);
    this.#takes = this.#socket.bufferedAmount > 0;
    // Node has no time-out while parts of a message leave. `bufferedAmount` changes only with whole messages.
    this.#carrier.setTimeout(STUCK_MS);
    this.#timer = setTimeout(() => {
      if (!this.#heard && !this.#takes) return this.terminate();
      this.#idlePings = this.#subscriptions.size === 0 ? this.#idlePings + 1 : 0;
      if (this.#idlePings >= IDLE_PINGS) return this.close(CLOSE.goingAway, "no subscription for a long time");
      this.#heard = false;
      this.#socket.ping();
      this.#watch();
    }, PING_MS);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    for (const each of this.#subscriptions.values()) each.end();
    this.#subscriptions.clear();
    this.#outbox.close();
    this.#session?.leave();
    this.#metered?.ended();
    this.#exit();
    this.#deps.metrics.connections.dec();
  }
}

const RETRY_MS = 1_000;

/** Calls `act` at this time, which may be years away. Returns how to cancel that. */
function atTime(time: Date | undefined, act: () => void): () => void {
  if (time === undefined) return () => undefined;
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const leftMs = time.getTime() - Date.now();
    timer = setTimeout(leftMs > LONGEST_MS ? wait : act, Math.min(Math.max(0, leftMs), LONGEST_MS));
  };
  wait();
  return () => clearTimeout(timer);
}

function closeCodeOf({ reason }: Refusal): number {
  if (reason.startsWith("TOKEN_")) return CLOSE.notSignedIn;
  if (reason === "CALLER_LIMIT") return CLOSE.limit;
  return CLOSE.tryLater;
}
