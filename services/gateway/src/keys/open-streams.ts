import { revoked } from "@ccsp/authentication";
import type { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";

/** A stream that a caller has open, on any transport. */
export interface OpenStream {
  readonly identity: Identity;
  /** Ends it with this refusal. Does nothing if it has ended. */
  stop(refusal: Refusal): void;
}

/** The open streams of this gateway, so that those of a revoked caller can be ended. */
export interface OpenStreams {
  /**
   * Refuses a caller that is revoked, with TOKEN_REVOKED. A call whose request arrives slowly was let in long before
   * it begins.
   */
  check(caller: Identity): void;
  /** Checks the caller of a stream that begins. Returns a function to call when the stream has ended. */
  add(stream: OpenStream): () => void;
  /** Ends the streams whose caller is revoked. Returns how many. */
  endRevoked(): number;
}

export function createOpenStreams(isRevoked: (identity: Identity) => boolean): OpenStreams {
  const open = new Set<OpenStream>();
  const check = (caller: Identity): void => {
    if (isRevoked(caller)) throw revoked(caller);
  };
  return {
    check,
    add(stream) {
      check(stream.identity);
      open.add(stream);
      return () => open.delete(stream);
    },
    endRevoked() {
      const ending = [...open].filter(({ identity }) => isRevoked(identity));
      for (const stream of ending) {
        open.delete(stream);
        stream.stop(revoked(stream.identity));
      }
      return ending.length;
    },
  };
}
