import type { Behaviour } from "./behaviour.js";
import type { RecordedRequest } from "./request.js";

/** Which model calls a script is for: those whose prompt contains the text, or matches, or for which it says true. */
export type Matcher = string | RegExp | ((request: RecordedRequest) => boolean);

/** Queues behaviours, one a call: for any model call, or for those that match. */
export interface AddScript {
  (behaviours: readonly Behaviour[]): void;
  (matcher: Matcher, ...behaviours: Behaviour[]): void;
}

export interface Scripts {
  readonly add: AddScript;
  /** The next behaviour for this request, used up by taking it. The oldest matching script goes first. */
  take(request: RecordedRequest): Behaviour | undefined;
  clear(): void;
}

export function createScripts(): Scripts {
  let queue: { matches: (request: RecordedRequest) => boolean; behaviour: Behaviour }[] = [];

  function add(first: Matcher | readonly Behaviour[], ...rest: Behaviour[]): void {
    const any = typeof first === "object" && !(first instanceof RegExp);
    const matches = any ? () => true : predicate(first);
    queue.push(...(any ? first : rest).map((behaviour) => ({ matches, behaviour })));
  }

  return {
    add,
    take(request) {
      const next = queue.find(({ matches }) => matches(request));
      queue = queue.filter((entry) => entry !== next);
      return next?.behaviour;
    },
    clear() {
      queue = [];
    },
  };
}

function predicate(matcher: Matcher): (request: RecordedRequest) => boolean {
  if (typeof matcher === "function") return matcher;
  if (typeof matcher === "string") return ({ prompt }) => prompt.includes(matcher);
  return ({ prompt }) => prompt.search(matcher) >= 0;
}
