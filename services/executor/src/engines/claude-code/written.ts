import type { EngineEvent } from "@ccsp/engine-kit";

/**
 * Follows the text that the model writes, block by block. Each block is a separate message. The CLI's result is the
 * last block.
 */
export interface Written {
  /** The message with this id starts to answer a request to the model. */
  begin(id: string | undefined): readonly EngineEvent[];
  /** The next piece starts a new block. */
  next(): readonly EngineEvent[];
  /** Takes a piece of a block. */
  add(piece: string): readonly EngineEvent[];
  /** Takes a whole block. It stands, which means that it is final. */
  stands(id: string | undefined, whole: string): readonly EngineEvent[];
}

/**
 * A block stands (is final) once the CLI repeats it whole, in an `assistant` line. When a stream breaks, the CLI asks
 * the model again. CLI 2.1.332 uses a stream again, and closes the broken stream with the normal end lines. CLI 2.1.197
 * asks without a stream. Then the broken block does not stand, unless the new block begins with the same text.
 */
export function createWritten(): Written {
  /** Id of the message that arrives in pieces. */
  let streamed: string | undefined;
  let message = 0;
  /** Text of the block that is not final yet. */
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
