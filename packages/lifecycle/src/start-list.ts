import type { StartContext } from "./definition.js";
import type { Resource } from "./run.js";

/** What each part of a start gets: the configuration, what every service has, and the parts above it by their names. */
type Given<C> = StartContext & { readonly config: C };

/** One part of a start. The type of the list says what `given` has: these are methods, so that all parts have one type. */
type Part = { readonly name: string } & (
  | { readonly closes: false; open(given: object): unknown }
  | { readonly closes: true; open(given: object): Promise<Resource> | Resource }
);

/** A name that nothing in `P` has. */
type NewName<N extends string, P> = N extends keyof P ? never : N;

/**
 * The start of a service as a list. Its parts open one after the other, from top to bottom. The stop closes them from
 * bottom to top. A list does not change: `add` and `open` return a longer one.
 */
export class StartList<C, P extends object> {
  readonly #parts: readonly Part[];

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  /** Adds a part that has nothing to close, or that a function of the context closes: a client or a port. */
  add<N extends string, T>(
    name: NewName<N, P>,
    open: (given: P) => Promise<T> | T,
  ): StartList<C, P & Readonly<Record<N, T>>> {
    return new StartList([...this.#parts, { name, closes: false, open }]);
  }

  /** Adds a part that is closed at the stop. The log of a stop has its name. */
  open<N extends string, R extends Resource>(
    name: NewName<N, P>,
    open: (given: P) => Promise<R> | R,
  ): StartList<C, P & Readonly<Record<N, R>>> {
    return new StartList([...this.#parts, { name, closes: true, open }]);
  }

  /** The start of a service definition. */
  readonly start = async (config: C, context: StartContext): Promise<void> => {
    let given: object = { ...context, config };
    for (const part of this.#parts) {
      const opened = part.closes ? await context.open(part.name, part.open(given)) : await part.open(given);
      given = { ...given, [part.name]: opened };
    }
  };
}

/** The empty list of a service with the configuration `C`. */
export const startList = <C>(): StartList<C, Given<C>> => new StartList([]);
