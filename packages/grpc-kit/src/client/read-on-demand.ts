import type { ClientReadableStream } from "@grpc/grpc-js";
import { SMALL_BYTES } from "../bounds/unread.js";

const sizes = new WeakMap<object, number>();

/** The size in bytes of a large message that a client's stream received. 0 for a small message. */
export const sizeOf = (message: object): number => sizes.get(message) ?? 0;

/** Lets a stream receive a message only while its reader waits for one. */
export interface ReadOnDemand {
  /** grpc-js decodes messages with this function. */
  readonly deserialize: (bytes: Buffer) => object;
  /** Call it before the first read from the stream. */
  limit(call: ClientReadableStream<object>): void;
  /** Call it when the reader waits for the next message. */
  wanted(): void;
}

/**
 * grpc-js reads sixteen messages ahead, of any size. A reader that has to stop, because its own reader is slow, would
 * then hold up to 256 MB that no bound counts. Without reading ahead it holds what fits into the window of its stream:
 * 64 KB.
 */
export function createReadOnDemand(deserialize: (bytes: Buffer) => object): ReadOnDemand {
  let waiting = false;
  let postponed: (() => void) | undefined;
  return {
    deserialize(bytes) {
      waiting = false;
      const message = deserialize(bytes);
      if (bytes.length > SMALL_BYTES) sizes.set(message, bytes.length);
      return message;
    },
    limit(call) {
      const read = call._read.bind(call);
      // A Readable calls `_read` to request data. It does not call it again before the source has answered.
      call._read = (size) => {
        if (waiting) read(size);
        else postponed = () => read(size);
      };
    },
    wanted() {
      waiting = true;
      const read = postponed;
      postponed = undefined;
      read?.();
    },
  };
}
