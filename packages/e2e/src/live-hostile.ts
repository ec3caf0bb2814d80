import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { eventually } from "@ccsp/testkit";
import { WebSocket } from "ws";

/** A message of the gateway, with the members that fuzzing reads. */
export interface Answer {
  readonly type: string;
  readonly id?: string;
  readonly cursor?: string;
  readonly reason?: string;
  readonly detail?: string;
}

export interface HostileOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly onAnswer: (answer: Answer) => void;
  readonly onClose: (code: number) => void;
}

/** A real connection to the WebSocket on which any bytes can be sent. What comes is read by a library. */
export class HostileConnection {
  readonly #socket: WebSocket;
  readonly #raw: IncomingMessage["socket"];
  readonly #closed: Promise<void>;
  #open = true;
  #asked = 0;
  #answered = 0;

  private constructor(socket: WebSocket, raw: IncomingMessage["socket"], { onAnswer, onClose }: HostileOptions) {
    this.#socket = socket;
    this.#raw = raw;
    this.#closed = new Promise((resolve) => {
      socket.once("close", (code) => {
        this.#open = false;
        onClose(code);
        resolve();
      });
    });
    // A client that breaks the protocol is cut off.
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer) => {
      const answer: Answer = JSON.parse(data.toString("utf8"));
      const [, asked] = /^are you there (\d+)$/.exec(answer.id ?? "") ?? [];
      if (asked !== undefined) this.#answered = Number(asked);
      onAnswer(answer);
    });
  }

  /** Resolves to the status if the gateway does not switch to a WebSocket. */
  static async open(url: string, options: HostileOptions): Promise<HostileConnection | number> {
    const { headers } = options;
    const socket = new WebSocket(url, { headers, perMessageDeflate: false });
    return new Promise((resolve, reject) => {
      socket.once("unexpected-response", (_request, { statusCode = 0 }) => {
        resolve(statusCode);
        socket.terminate();
      });
      socket.once("upgrade", ({ socket: raw }) => resolve(new HostileConnection(socket, raw, options)));
      socket.on("error", reject);
    });
  }

  get open(): boolean {
    return this.#open;
  }

  /** Resolves when the operating system has it, or the connection is closed. */
  async write(bytes: Buffer): Promise<void> {
    if (!this.#raw.writable || this.#raw.write(bytes)) return;
    await Promise.race([once(this.#raw, "drain").catch(() => undefined), this.#closed]);
  }

  /** Resolves when the gateway has answered everything that was sent, or has closed the connection. */
  async answered(): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    if (this.#socket.readyState === WebSocket.OPEN)
      // It names no subscription, which is not a fault of the connection.
      this.#socket.send(JSON.stringify({ op: "unsubscribe", id: `are you there ${asked}` }), () => undefined);
    await eventually(
      () => {
        if (this.#open && this.#answered < asked) throw new Error("no answer, and no close");
      },
      { timeoutMs: 60_000, what: "the answer to what a hostile client sent" },
    );
  }

  /** Reads nothing from now on. */
  mute(): void {
    this.#socket.pause();
  }

  /** Leaves without a word, or with a reset. */
  leave(how: "end" | "reset"): void {
    // Node cannot reset a connection that is being shut down: it would keep it, and the process would never end.
    if (how === "reset" && !this.#raw.writableEnded) this.#raw.resetAndDestroy();
    this.#socket.terminate();
  }
}
