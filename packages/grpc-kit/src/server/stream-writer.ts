import { SMALL_BYTES } from "../bounds/unread.js";
import type { OpenCall } from "./call-context.js";

/**
 * A stream may have this many bytes, in this many messages, written and not yet taken by its reader. A single message
 * may be larger.
 */
const STREAM_BYTES = 4 * SMALL_BYTES;
const STREAM_MESSAGES = 64;
/**
 * So many of a stream's bytes do not count for its caller, and so a caller who does not read some streams still gets
 * what others say now and then. All streams that a caller may have together have 32 MB of them.
 */
const FREE_BYTES = 16 * 1024;

/**
 * Sends the messages of one stream: no faster than its reader takes them, and within the unread-bytes limit of its
 * caller.
 */
export interface StreamWriter {
  /** Resolves when the handler may make the next message. */
  send(message: Buffer): Promise<void>;
  /** Resolves when at most `SMALL_BYTES` wait for the reader. */
  flushed(): Promise<void>;
}

/**
 * `write` sends one message, and calls `taken` when the connection has taken it. Calls `stalled` when the stream waits
 * and its reader has taken nothing for `stalledMs`.
 */
export function createStreamWriter(
  write: (message: Buffer, taken: () => void) => void,
  open: Pick<OpenCall, "unlessStopped" | "unread">,
  { stalledMs, stalled }: { readonly stalledMs: number; readonly stalled: () => void },
): StreamWriter {
  const onTheWay = { bytes: 0, messages: 0 };
  let taken: (() => void) | undefined;

  const nextTaken = async (): Promise<void> => {
    const timer = setTimeout(stalled, stalledMs);
    try {
      await open.unlessStopped(new Promise<void>((resolve) => void (taken = resolve)));
    } finally {
      clearTimeout(timer);
    }
  };
  const full = (bytes: number): boolean =>
    onTheWay.bytes + bytes > STREAM_BYTES || onTheWay.messages >= STREAM_MESSAGES;

  return {
    async send(message) {
      const bytes = message.length;
      while (onTheWay.messages > 0 && full(bytes)) await nextTaken();
      const cost = await open.unread.take(bytes, Math.max(0, FREE_BYTES - onTheWay.bytes));
      onTheWay.messages += 1;
      onTheWay.bytes += bytes;
      write(message, () => {
        onTheWay.messages -= 1;
        onTheWay.bytes -= bytes;
        open.unread.giveBack(cost);
        taken?.();
      });
      // The handler makes the next message only when this one leaves. Otherwise the next one would wait in memory.
      while (onTheWay.messages > 0 && full(0)) await nextTaken();
    },
    async flushed() {
      while (onTheWay.bytes > SMALL_BYTES) await nextTaken();
    },
  };
}
