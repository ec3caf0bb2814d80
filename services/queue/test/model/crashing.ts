import type { Grant } from "../../src/domain/leases/lease-store.js";
import type { TaskStore } from "../../src/domain/store.js";
import type { Move } from "../../src/domain/task/move.js";

/** What a replica did before it died. */
export interface Done {
  readonly calls: string[];
  readonly moves: { readonly id: string; readonly move: Move }[];
  readonly grants: Grant[];
}

class Crash extends Error {}
export const isCrash = (error: unknown): boolean =>
  error instanceof Crash || (error instanceof AggregateError && error.errors.every(isCrash));

/**
 * The same store, for a replica that dies after `mostCalls` calls of the store. Calls up to then are carried out, later
 * ones are not.
 */
export function crashingStore(store: TaskStore, mostCalls: number) {
  const done: Done = { calls: [], moves: [], grants: [] };
  const underWay: Promise<unknown>[] = [];
  let calls = 0;
  const proxy = new Proxy(store, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== "function") return method;
      return (...args: unknown[]) => {
        if (calls++ >= mostCalls) return Promise.reject(new Crash(`the replica is gone before ${String(name)}`));
        const make = async (): Promise<unknown> => {
          const answer: unknown = await Reflect.apply(method, target, args);
          note(done, String(name), args, answer);
          return answer;
        };
        const call = make();
        underWay.push(call);
        return call;
      };
    },
  });
  return {
    store: proxy,
    /** Resolves when all calls that the replica sent have been carried out. */
    async settled(): Promise<Done> {
      await Promise.allSettled(underWay);
      return done;
    },
  };
}

/* oxlint-disable typescript/no-unsafe-type-assertion -- the arguments and answers of TaskStore's methods */
function note(done: Done, name: string, args: readonly unknown[], answer: unknown): void {
  done.calls.push(name);
  // The move counts whatever its answer. When a script is sent twice, the second answer says that there was nothing
  // left to do.
  if (name === "move") {
    const [{ id }, move] = args as Parameters<TaskStore["move"]>;
    done.moves.push({ id, move });
  }
  if (name === "claim" && typeof answer !== "string") {
    done.grants.push(...(answer as Exclude<Awaited<ReturnType<TaskStore["claim"]>>, string>).grants);
  }
}
