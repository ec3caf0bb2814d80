import type { Socket } from "node:net";
import type { Refusal } from "@ccsp/errors";
import type { CallUnread, MeteredCall } from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import type { IncomingCall } from "../application/call.js";

export interface HttpCallOptions {
  readonly identity: Identity;
  readonly peer: string;
  /** Counts what was moved for this call, and for others on the same connection. */
  readonly socket: Pick<Socket, "bytesRead" | "bytesWritten">;
  /** What the caller's call stands for in logs. */
  readonly method: string;
  readonly unreadOf: (signal: () => AbortSignal) => CallUnread;
  readonly metered: MeteredCall | undefined;
  /** Called once, when the call is over. */
  readonly ended: () => void;
}

/** A request that was let in, or a stream over a WebSocket, as operations see it. */
export class HttpCall implements IncomingCall {
  readonly identity: Identity;
  readonly peer: string;
  readonly method: string;
  /** HTTP has no deadline of the caller. The services have their own. */
  readonly deadline = undefined;
  readonly unread: CallUnread;
  readonly #aborter = new AbortController();
  readonly #options: HttpCallOptions;
  #counted: number;
  #over = false;
  #onStop: ((refusal: Refusal) => void) | undefined;

  constructor(options: HttpCallOptions) {
    this.#options = options;
    this.identity = options.identity;
    this.peer = options.peer;
    this.method = options.method;
    this.unread = options.unreadOf(() => this.signal);
    this.#counted = movedOn(options.socket);
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  stop(refusal: Refusal): void {
    if (this.#over || this.signal.aborted) return;
    this.#aborter.abort(refusal);
    this.#onStop?.(refusal);
  }

  /** Settles as `work` does. If the call is stopped first, it rejects immediately. One piece of work at a time. */
  unlessStopped<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(resolve, reject);
      this.#onStop = reject;
      if (this.signal.aborted) reject(this.signal.reason);
    });
  }

  /** Counts for the limits what the connection has moved since the last count. */
  count(): void {
    const moved = movedOn(this.#options.socket);
    this.#options.metered?.moved(Math.max(0, moved - this.#counted));
    this.#counted = moved;
  }

  /** Call it when the answer was sent, or never will be. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.count();
    this.unread.close();
    this.#options.metered?.ended();
    this.#options.ended();
  }
}

const movedOn = ({ bytesRead, bytesWritten }: HttpCallOptions["socket"]): number => bytesRead + bytesWritten;
