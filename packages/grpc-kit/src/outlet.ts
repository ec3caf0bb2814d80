import type { ServerWritableStream } from "@grpc/grpc-js";
import type { OpenCall } from "./call-context.js";
import { SMALL_BYTES } from "./unread.js";

/** A stream may have so many bytes on the way, in so many messages; one message may be larger. */
const STREAM_BYTES = 4 * SMALL_BYTES;
const STREAM_MESSAGES = 64;

/** Where the messages of one stream leave: no faster than its reader takes them, and no more of them than its caller has room for. */
export interface Outlet {
  /** Resolves when the next message may be made. */
  send(message: Buffer): Promise<void>;
  /** Resolves when nothing large is on the way. */
  flushed(): Promise<void>;
}

/** `stalled` is called when the stream waits and its reader takes nothing for `stalledMs`. */
export function createOutlet(
  call: ServerWritableStream<unknown, unknown>,
  open: OpenCall,
  { stalledMs, stalled }: { readonly stalledMs: number; readonly stalled: () => void },
): Outlet {
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
      const cost = await open.unread.take(bytes);
      onTheWay.messages += 1;
      onTheWay.bytes += bytes;
      call.write(message, () => {
        onTheWay.messages -= 1;
        onTheWay.bytes -= bytes;
        open.unread.giveBack(cost);
        taken?.();
      });
      // The next one is made when this one leaves: it would wait in memory.
      while (onTheWay.messages > 0 && full(0)) await nextTaken();
    },
    async flushed() {
      while (onTheWay.bytes > SMALL_BYTES) await nextTaken();
    },
  };
}
