import type { EngineEvent } from "@ccsp/engine-kit";

/** Names of a part of a message, as OpenCode gives them. */
export interface PartIds {
  readonly part: string | undefined;
  readonly message: string | undefined;
}

/** Puts together what comes in pieces and, once more, as a whole. */
export interface Answer {
  /** Takes a piece of a part; answers what is new of it. */
  add(ids: PartIds, piece: string): readonly EngineEvent[];
  /** Takes a whole part; answers what had not come in pieces. */
  complete(ids: PartIds, whole: string): readonly EngineEvent[];
  /** Text of the last message that had some. */
  text(): string;
}

/**
 * Lines of the CLI and of the relay are not in order with each other: pieces may come after their whole. When a connection breaks, OpenCode asks
 * again and begins a new part of the same message. Mostly it begins as the one before: that is not told twice. Where it does not, the message is
 * taken back, and told anew without what was broken off. OpenCode cuts white space off the end of a whole part, so it waits for what follows.
 */
export function createAnswer(): Answer {
  const completed = new Set<string | undefined>();
  let message: string | undefined;
  let number = 0;
  /** Complete parts of `message`. */
  let whole: string[] = [];
  let current: string | undefined;
  /** What was told of `message` after its complete parts: of the current part, or of one that was broken off. */
  let told = "";
  /** How much of that the current part has said too. */
  let reached = 0;
  let held = "";

  function turnTo(ids: PartIds): void {
    if (ids.message !== message) {
      message = ids.message;
      number += 1;
      whole = [];
      told = "";
    }
    if (ids.part === current) return;
    current = ids.part;
    reached = 0;
    held = "";
  }

  const say = (text: string): readonly EngineEvent[] => (text === "" ? [] : [{ type: "text", text, message: number }]);

  /** The current part is not what was told of it. */
  function replace(part: string): readonly EngineEvent[] {
    const before = number;
    number += 1;
    return [{ type: "taken-back", message: before }, ...say(whole.join("") + part)];
  }

  return {
    add(ids, piece) {
      if (completed.has(ids.part)) return [];
      turnTo(ids);
      const shown = (held + piece).trimEnd();
      held = (held + piece).slice(shown.length);
      const repeated = reached === told.length ? "" : told.slice(reached, reached + shown.length);
      if (!shown.startsWith(repeated)) {
        told = told.slice(0, reached) + shown;
        reached = told.length;
        return replace(told);
      }
      const news = shown.slice(repeated.length);
      told += news;
      reached += shown.length;
      return say(news);
    },
    complete(ids, part) {
      turnTo(ids);
      const events = part.startsWith(told) ? say(part.slice(told.length)) : replace(part);
      completed.add(ids.part);
      whole.push(part);
      [told, reached, held, current] = ["", 0, "", undefined];
      return events;
    },
    text: () => whole.join(""),
  };
}
