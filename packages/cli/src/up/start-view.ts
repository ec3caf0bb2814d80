import type { PartProgress } from "@ccsp/fleet";
import { terminalLine } from "../output/terminal-line.js";
import { durationWords } from "../output/words.js";
import { type Io, note } from "../process/io.js";

/** Shows a person, or a program, how far the parts of a fleet are. */
export interface StartView {
  readonly show: (progress: PartProgress) => void;
  /** Writes something else to the terminal, without a trace of the line that is redrawn. */
  aside(write: () => void): void;
  /** Removes the line that is redrawn. What was shown stays. */
  close(): void;
}

const REDRAW_MS = 200;
/** A stop that takes less time is not worth a line. */
const SLOW_STOP_SECONDS = 1;

/**
 * On standard error: a line for each part that is ready, failed or slow to stop. On a terminal, one more line is
 * redrawn, with the parts that are not done yet. With `json`, each change is a line of JSON.
 */
export function createStartView(io: Io, json: boolean): StartView {
  if (json) {
    return {
      show: (progress) => note(io, JSON.stringify({ progress })),
      aside: (write) => write(),
      close: () => {},
    };
  }
  const line = terminalLine(io);
  const busy = new Map<string, { readonly doing: string; readonly since: number }>();
  let timer: NodeJS.Timeout | undefined;

  const draw = () => {
    if (busy.size === 0) line?.clear();
    else line?.draw(busyLine(busy));
  };
  const aside = (write: () => void) => {
    line?.clear();
    write();
    draw();
  };
  return {
    show(progress) {
      const { part, state } = progress;
      if (state === "starting" || state === "stopping") busy.set(part, { doing: state, since: Date.now() });
      else busy.delete(part);
      aside(() => {
        const words = lineOf(progress);
        if (words !== undefined) note(io, words);
      });
      if (line) timer ??= setInterval(draw, REDRAW_MS).unref();
    },
    aside,
    close() {
      clearInterval(timer);
      line?.clear();
      busy.clear();
    },
  };
}

/** What stays on the screen. Undefined: nothing. */
function lineOf({ part, state, seconds, why = "" }: PartProgress): string | undefined {
  const name = part.padEnd(14);
  if (state === "ready") return `${name} ready after ${durationWords(seconds * 1_000)}`;
  if (state === "failed") return `${name} failed after ${durationWords(seconds * 1_000)}: ${why}`;
  if (state === "absent") return `${name} not used (${why}): the services find each other by fixed addresses`;
  const slow = state === "stopped" && seconds >= SLOW_STOP_SECONDS;
  return slow ? `${name} stopped after ${durationWords(seconds * 1_000)}` : undefined;
}

function busyLine(busy: ReadonlyMap<string, { readonly doing: string; readonly since: number }>): string {
  const [first] = busy.values();
  const seconds = first === undefined ? 0 : Math.floor((Date.now() - first.since) / 1_000);
  return `${first?.doing ?? ""} for ${durationWords(seconds * 1_000)}: ${[...busy.keys()].join(", ")}`;
}
