import type { EngineEvent } from "@ccsp/engine-kit";

/** The text that the model writes, block by block. Each block is a message of its own: the CLI's result is the last of them. */
export interface Written {
  /** A request to the model is answered, by the message with this id. */
  begin(id: string | undefined): readonly EngineEvent[];
  /** What comes now is not the block before. */
  next(): readonly EngineEvent[];
  /** Takes a piece of a block. */
  add(piece: string): readonly EngineEvent[];
  /** Takes a whole block that stands. */
  stands(id: string | undefined, whole: string): readonly EngineEvent[];
}

/**
 * A block stands once the CLI repeats it whole, in an `assistant` line. When a stream breaks the CLI asks again, with a stream (2.1.332, which
 * closes the broken one as if it had ended) or without (2.1.197): the block that was broken off does not stand, unless the new one goes on
 * from it.
 */
export function createWritten(): Written {
  /** Id of the message that comes in pieces. */
  let streamed: string | undefined;
  let message = 0;
  /** What has come of the block that does not stand yet. */
  let open = "";

  const takeBack = (): EngineEvent[] => {
    if (open === "") return [];
    open = "";
    return [{ type: "taken-back", message }];
  };

  const add = (piece: string): EngineEvent[] => {
    if (piece === "") return [];
    if (open === "") message += 1;
    open += piece;
    return [{ type: "text", text: piece, message }];
  };

  return {
    begin(id) {
      streamed = id;
      return takeBack();
    },
    next: takeBack,
    add,
    stands(id, whole) {
      if (id === streamed) {
        open = "";
        return [];
      }
      const events = whole.startsWith(open) ? add(whole.slice(open.length)) : [...takeBack(), ...add(whole)];
      open = "";
      return events;
    },
  };
}
