import type { Behaviour } from "./behaviour.js";
import type { RecordedRequest } from "./request.js";

/**
 * Selects the model calls of a script: the prompt contains the text, the prompt matches the expression, or the function
 * returns true.
 */
export type Matcher = string | RegExp | ((request: RecordedRequest) => boolean);

/** Adds behaviours to the script, one per call. They apply to any model call, or only to those that match. */
export interface AddScript {
  (behaviours: readonly Behaviour[]): void;
  (matcher: Matcher, ...behaviours: Behaviour[]): void;
}

export interface Scripts {
  readonly add: AddScript;
  /**
   * Takes the next behaviour for this request, so that it is used only once. The oldest matching script comes first.
   */
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
