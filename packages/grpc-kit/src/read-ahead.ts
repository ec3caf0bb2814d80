import type { ClientReadableStream } from "@grpc/grpc-js";
import { SMALL_BYTES } from "./unread.js";

/** A stream's reader may be behind by so many bytes before the server is held up; one message may be larger. */
const READ_AHEAD_BYTES = SMALL_BYTES;

const sizes = new WeakMap<object, number>();

/** The bytes of a large message that a client's stream brought; 0 for a small one. */
export const sizeOf = (message: object): number => sizes.get(message) ?? 0;

/** Counts the bytes of a stream's messages between the connection and their reader. */
export interface ReadAhead {
  /** For grpc-js to read messages with. */
  readonly deserialize: (bytes: Buffer) => object;
  /** Call it when the reader took the next message. */
  taken(): void;
  /** To be called before the stream is first read. */
  limit(call: ClientReadableStream<object>): void;
}

/** grpc-js reads sixteen messages ahead, whatever their size: of a log's largest events that is 64 MB a stream. */
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
      // What a Readable asks its source with: it asks no second time before the source has answered.
      call._read = (size) => {
        if (ahead <= READ_AHEAD_BYTES) read(size);
        else postponed = () => read(size);
      };
    },
  };
}
