import { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";
import type { ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import { context } from "@opentelemetry/api";
import { identityOf } from "./caller-identity.js";
import type { UnreadBytes } from "./caller-room.js";
import { CallUnread, type Unread } from "./unread.js";

/**
 * What a handler knows about the call besides the request. Pass it on as the options of outgoing calls: their deadline
 * and their cancellation are then the caller's.
 */
export interface CallContext {
  /** Aborts when the caller gave up, when the deadline passed, and when a stopping server ends the call. */
  readonly signal: AbortSignal;
  readonly deadline: Date | undefined;
  /** The call's metadata: the first value of each key. */
  readonly headers: Readonly<Record<string, string | Buffer>>;
  /** Who calls, as the server's `admit` has proven; undefined where it asks for no proof. */
  readonly identity: Identity | undefined;
  /** Full method name, `/ccsp.queue.v1.QueueService/Sync`. */
  readonly method: string;
  readonly peer: string;
  /** What was sent and is not read yet, and room for more. */
  readonly unread: Unread;
}

export type IncomingCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

/**
 * A caller whose deadline passed cancels, which may arrive before the deadline that this side counts from the request's arrival:
 * on loopback 7 of 100 such calls were 1 or 2 ms early, and counted as cancelled in spans and metrics.
 */
const SAME_MOMENT_MS = 20;

/** A call under way; its handler sees no more of it than a CallContext. What few handlers look at is made when they do. */
export class OpenCall implements CallContext {
  readonly #call: IncomingCall;
  readonly #around = context.active();
  readonly unread: CallUnread;
  #finished = false;
  #stopped: Refusal | undefined;
  #aborter: AbortController | undefined;
  #onStop: ((refusal: Refusal) => void) | undefined;

  constructor(call: IncomingCall, unread: UnreadBytes) {
    this.#call = call;
    this.unread = new CallUnread(unread, () => this.signal);
    // grpc-js emits it for a cancel, a broken connection and a passed deadline, and also after it sent any status.
    call.on("cancelled", () => {
      this.unread.close();
      // Whoever hears of it is still inside the call's span; the event itself comes from the connection.
      if (!this.#finished) context.with(this.#around, () => this.#stopAsCancelled());
    });
  }

  get signal(): AbortSignal {
    this.#aborter ??= new AbortController();
    if (this.#stopped) this.#aborter.abort(this.#stopped);
    return this.#aborter.signal;
  }

  get deadline(): Date | undefined {
    const deadline = this.#call.getDeadline();
    if (deadline instanceof Date) return deadline;
    return Number.isFinite(deadline) ? new Date(deadline) : undefined;
  }

  get headers(): Readonly<Record<string, string | Buffer>> {
    return this.#call.metadata.getMap();
  }

  get identity(): Identity | undefined {
    return identityOf(this.#call.metadata);
  }

  get method(): string {
    return this.#call.getPath();
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Calls this when the call is stopped, at once when it is already; instead of what was said before. */
  onStop(stopped: (refusal: Refusal) => void): void {
    this.#onStop = stopped;
    if (this.#stopped) stopped(this.#stopped);
  }

  /** The same as `work`, unless the call is stopped before that is done: then it rejects at once. One piece of work at a time. */
  unlessStopped<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(resolve, reject);
      this.onStop(reject);
    });
  }

  /** Ends the call early with this refusal, as if the caller had cancelled it. */
  stop(refusal: Refusal): void {
    if (this.#finished || this.#stopped) return;
    this.#stopped = refusal;
    this.#aborter?.abort(refusal);
    this.#onStop?.(refusal);
  }

  /** To be called once when the answer is ready: afterwards the signal stays as it is. */
  finish(): void {
    this.#finished = true;
  }

  #stopAsCancelled(): void {
    const { deadline } = this;
    const late = deadline !== undefined && deadline.getTime() - Date.now() <= SAME_MOMENT_MS;
    this.stop(
      late
        ? new Refusal("DEADLINE_EXCEEDED", "the deadline passed")
        : new Refusal("CALL_CANCELLED", "the caller gave up"),
    );
  }
}
