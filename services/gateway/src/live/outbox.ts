/** The part of a WebSocket that is needed to send. */
export interface SendingSocket {
  /** Bytes that were sent and that the operating system has not taken yet. */
  readonly bufferedAmount: number;
  send(text: string | Buffer, options: { readonly binary: false }, done: () => void): void;
  terminate(): void;
}

export interface OutboxBounds {
  /** A reader with this many unread bytes or messages gets no more of them until it has read half. */
  readonly bytes: number;
  readonly messages: number;
  /** A reader with this many unread bytes is given up. Only one that goes on asking gets there. */
  readonly most: number;
  /** A reader with this many unread bytes of `sendUncounted` is given up when it asks for more. */
  readonly mostUncounted: number;
}

const TEXT = { binary: false } as const;

/**
 * What one connection was sent and has not read. The socket holds it. The sender drops what does not fit, or waits with
 * it.
 */
export class Outbox {
  readonly #socket: SendingSocket;
  readonly #bounds: OutboxBounds;
  readonly #onRoom: () => void;
  readonly #waiting: (() => void)[] = [];
  #messages = 0;
  /** The unread bytes of `sendUncounted`. */
  #uncounted = 0;
  #full = false;
  #closed = false;

  /** `onRoom` is called when the reader has read enough to get more again. */
  constructor(socket: SendingSocket, bounds: OutboxBounds, onRoom: () => void) {
    this.#socket = socket;
    this.#bounds = bounds;
    this.#onRoom = onRoom;
  }

  /** What only informs has to be dropped. */
  get full(): boolean {
    return this.#full;
  }

  /** Sends, also when it is full: answers to what the client asked are always sent. */
  send(text: string): void {
    if (this.#closed) return;
    const { bytes, messages, most } = this.#bounds;
    this.#messages += 1;
    this.#socket.send(text, TEXT, () => this.#sent());
    const unread = this.#unread;
    if (unread >= bytes || this.#messages >= messages) this.#full = true;
    if (unread >= most) this.#socket.terminate();
  }

  /**
   * Sends what must not be dropped, and is not dropped when this is full. The sender waits by itself for a slow reader.
   * `taken` is called when the connection no longer holds the bytes: it took them, or it is closed.
   */
  sendUncounted(text: Buffer, taken: () => void): void {
    if (this.#closed) return taken();
    // Before this message, which alone may be larger: its reader would come back for it for ever.
    const tooMany = this.#uncounted >= this.#bounds.mostUncounted;
    this.#uncounted += text.length;
    this.#socket.send(text, TEXT, () => {
      this.#uncounted -= text.length;
      taken();
    });
    if (tooMany) this.#socket.terminate();
  }

  /** Resolves when it is not full, or closed. */
  async room(): Promise<void> {
    if (this.#full && !this.#closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#release();
  }

  get #unread(): number {
    return this.#socket.bufferedAmount - this.#uncounted;
  }

  #sent(): void {
    this.#messages -= 1;
    const { bytes, messages } = this.#bounds;
    if (this.#closed || !this.#full || this.#unread > bytes / 2 || this.#messages > messages / 2) return;
    this.#full = false;
    this.#onRoom();
    if (!this.#full) this.#release();
  }

  #release(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}
