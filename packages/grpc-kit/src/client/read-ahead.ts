import type { ClientReadableStream } from "@grpc/grpc-js";
import { SMALL_BYTES } from "../bounds/unread.js";

/**
 * A stream's reader may be this many bytes behind before the client stops reading from the server. A single message may
 * be larger.
 */
const READ_AHEAD_BYTES = SMALL_BYTES;

const sizes = new WeakMap<object, number>();

/** The size in bytes of a large message that a client's stream received. 0 for a small message. */
export const sizeOf = (message: object): number => sizes.get(message) ?? 0;

/** Counts the bytes of a stream's messages that have arrived and that the reader has not taken yet. */
export interface ReadAhead {
  /** grpc-js decodes messages with this function. */
  readonly deserialize: (bytes: Buffer) => object;
  /** Call it when the reader has taken the next message. */
  taken(): void;
  /** Call it before the first read from the stream. */
  limit(call: ClientReadableStream<object>): void;
}

/**
 * Limits by bytes how far a stream reads ahead. grpc-js reads sixteen messages ahead, of any size: with the largest
 * events of a log that is 64 MB per stream.
 */
export function createReadAhead(deserialize: (bytes: Buffer) => object): ReadAhead {
  const untaken: number[] = [];
  let ahead = 0;
  let postponed: (() => void) | undefined;
  return {
    deserialize(bytes) {
      const message = deserialize(bytes);
      if (bytes.length > SMALL_BYTES) sizes.set(message, bytes.length);
      untaken.push(bytes.length);
      ahead += bytes.length;
      return message;
    },
    taken() {
      ahead -= untaken.shift() ?? 0;
      if (ahead > READ_AHEAD_BYTES) return;
      postponed?.();
      postponed = undefined;
    },
    limit(call) {
      const read = call._read.bind(call);
      // A Readable calls `_read` to request data. It does not call it again before the source has answered.
      call._read = (size) => {
        if (ahead <= READ_AHEAD_BYTES) read(size);
        else postponed = () => read(size);
      };
    },
  };
}
