import type { Logger } from "pino";
import { type ChangeEvent, changesTooOften, type StateStore } from "../state/state-store.js";
import type { Window } from "./domain/window.js";

/** Returns what a window becomes, from what is stored now. Undefined: it stays as it is. It may be asked again. */
export type Step = (before: Window | undefined) => Written | undefined;

export interface Written {
  /** Undefined removes the window. */
  readonly window: Window | undefined;
  readonly events?: readonly ChangeEvent[];
}

/** Plugins name their windows as they like. */
const MOST_WINDOWS = 500;
/** Each conflict is a change that another replica has made. A replica has one writer, so this many are a fault. */
const TRIES = 100;

/**
 * Returns what changes windows. This process changes a window once at a time: steps that come meanwhile are taken
 * together in their order, in the next change. So only other replicas can be faster, and then all steps are taken again
 * from what they stored. It resolves when the steps are stored, and rejects if they are not: nothing is given up.
 */
export function windowWriter(store: StateStore<Window>, log: Logger): (name: string, step: Step) => Promise<void> {
  async function write(name: string, steps: readonly Step[]): Promise<void> {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const before = await store.get(name);
      const { window: after, events = [] } = steps.reduce<Written>(
        ({ window, events: told = [] }, step) => {
          const next = step(window);
          return next === undefined
            ? { window, events: told }
            : { window: next.window, events: [...told, ...(next.events ?? [])] };
        },
        { window: before?.value },
      );
      if (after === before?.value) return;
      if (before === undefined && (await store.names()).size >= MOST_WINDOWS) {
        log.warn({ window: name }, "too many usage windows: a new one is not kept");
        return;
      }
      if ((await store.change({ name, before, after, events })) !== "conflict") return;
    }
    throw changesTooOften(`the usage window ${name}`);
  }

  /** The newest change of each window that is being changed. */
  const lines = new Map<string, Line>();
  return (name, step) => {
    const last = lines.get(name);
    if (last?.steps) {
      last.steps.push(step);
      return last.end;
    }
    const steps = [step];
    const line: Line = { end: Promise.resolve(), steps };
    line.end = (async () => {
      await last?.end.catch(() => undefined);
      // From here on, a step belongs to the next change.
      line.steps = undefined;
      await write(name, steps);
    })().finally(() => {
      if (lines.get(name) === line) lines.delete(name);
    });
    lines.set(name, line);
    return line.end;
  };
}

interface Line {
  end: Promise<void>;
  /** Undefined: the change has begun. */
  steps: Step[] | undefined;
}
