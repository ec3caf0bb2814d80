import { Refusal } from "@ccsp/errors";
import {
  type CallerBounds,
  callerAddress,
  callerName,
  createStreamWriter,
  pump,
  refusalFor,
  SLOW_READER,
} from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import type { Logger } from "pino";
import { HttpCall } from "../http/http-call.js";
import { frame } from "./frames.js";
import type { LiveMetrics } from "./metrics.js";
import type { Outbox } from "./outbox.js";
import type { StreamEntry, StreamPlace, TaskStream } from "./task-streams.js";
import type { TaskTopic } from "./topics.js";

export interface TaskSubscriptionOptions {
  readonly id: string;
  readonly topic: TaskTopic;
  /** The RPC that shows the same. The subscription counts as a call of it. */
  readonly rpc: string;
  readonly stream: TaskStream;
  readonly from: StreamPlace;
  readonly identity: Identity;
  /** Host and port of the client. */
  readonly peer: string;
  readonly callers: CallerBounds;
  readonly outbox: Outbox;
  readonly metrics: LiveMetrics;
  readonly log: Logger;
  /** Called once, unless `end` was called before: all was sent, or it broke off for this reason. */
  readonly over: (why: Refusal | undefined) => void;
}

/** As for streams of gRPC and REST. */
const STALLED_MS = 60_000;
const LEFT = new Refusal("CALL_CANCELLED", "the client no longer follows it");

/**
 * The log of a task, or the output of its run, for one client. Nothing is dropped: it is read no faster than the client
 * takes it, within the caller's bound on what is unread. A client that takes nothing for a minute has to come back.
 * After the end, it counts as a call of its caller until the connection has taken everything.
 */
export class TaskSubscription {
  readonly id: string;
  readonly topic: TaskTopic;
  readonly rpc: string;
  readonly identity: Identity;
  readonly #options: TaskSubscriptionOptions;
  readonly #call: HttpCall;
  /** What this subscription alone has moved on the connection. */
  readonly #moved = { bytesRead: 0, bytesWritten: 0 };
  #left = false;
  /** Messages that the connection still holds. */
  #untaken = 0;
  #allTaken = (): void => undefined;

  /** Refuses with CALLER_LIMIT a caller who has all the calls in progress that are allowed, or abandoned too many. */
  constructor(options: TaskSubscriptionOptions) {
    const { rpc, identity, peer, callers } = options;
    this.#options = options;
    callers.stateOf(callerName(identity, peer))?.check();
    this.#call = new HttpCall({
      ...{ identity, peer, socket: this.#moved, method: rpc },
      unreadOf: (signal) => callers.unreadOf(signal),
      metered: callers.meter?.began(identity, callerAddress(peer)),
      ended: () => undefined,
    });
    this.id = options.id;
    this.topic = options.topic;
    this.rpc = options.rpc;
    this.identity = identity;
  }

  /** Tells the client that it has subscribed, and begins. */
  begin(): void {
    const { id, topic, from, outbox } = this.#options;
    const cursor = topic === "log" && { cursor: String(from.afterSequence) };
    outbox.send(frame({ type: "subscribed", id, topic, ...cursor }));
    void this.#run();
  }

  end(): void {
    this.#left = true;
    this.#call.stop(LEFT);
  }

  async #run(): Promise<void> {
    const { topic, metrics, log, over } = this.#options;
    metrics.subscriptions.inc({ topic });
    const why = await this.#pump().then(
      () => undefined,
      (error: unknown) => refusalFor(error, this.#call, log),
    );
    metrics.subscriptions.dec({ topic });
    if (!this.#left) over(why);
    // Until then the memory is used. Otherwise, a client who subscribes again and again, and reads nothing, has no bound.
    await this.#taken();
    this.#call.end();
  }

  async #taken(): Promise<void> {
    if (this.#untaken > 0) await new Promise<void>((resolve) => void (this.#allTaken = resolve));
  }

  async #pump(): Promise<void> {
    const { id, topic, stream, from, outbox, metrics, log } = this.#options;
    const call = this.#call;
    const write = (bytes: Buffer, taken: () => void): void => {
      this.#moved.bytesWritten += bytes.length;
      this.#untaken += 1;
      outbox.sendUncounted(bytes, () => {
        this.#untaken -= 1;
        taken();
        if (this.#untaken === 0) this.#allTaken();
      });
    };
    const writer = createStreamWriter(write, call, { stalledMs: STALLED_MS, stalled: () => call.stop(SLOW_READER) });
    const send = async ({ time, ...entry }: StreamEntry): Promise<void> => {
      await writer.send(Buffer.from(frame({ type: "event", id, topic, ...entry, time: time.toISOString() })));
      call.count();
      metrics.sent.inc({ type: "event" });
    };
    await pump(stream(from, call), send, call, log);
    await writer.flushed();
  }
}
