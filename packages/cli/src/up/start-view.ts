import type { PartProgress } from "@ccsp/fleet";
import { type Io, note } from "../io.js";
import { printable } from "../printable.js";

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
const CLEAR = "\r\u001B[K";

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
  const terminal = io.stderr.isTTY === true;
  const busy = new Map<string, { readonly doing: string; readonly since: number }>();
  let drawn = false;
  let timer: NodeJS.Timeout | undefined;

  const clear = () => {
    if (drawn) io.stderr.write(CLEAR);
    drawn = false;
  };
  const draw = () => {
    if (!terminal) return;
    clear();
    if (busy.size === 0) return;
    io.stderr.write(fitted(busyLine(busy), io.stderr.columns ?? 80));
    drawn = true;
  };
  const aside = (write: () => void) => {
    clear();
    write();
    draw();
  };
  return {
    show(progress) {
      const { part, state } = progress;
      if (state === "starting" || state === "stopping") busy.set(part, { doing: state, since: Date.now() });
      else busy.delete(part);
      aside(() => {
        const line = lineOf(progress);
        if (line !== undefined) note(io, line);
      });
      if (terminal) timer ??= setInterval(draw, REDRAW_MS).unref();
    },
    aside,
    close() {
      clearInterval(timer);
      clear();
      busy.clear();
    },
  };
}

/** What stays on the screen. Undefined: nothing. */
function lineOf({ part, state, seconds, why = "" }: PartProgress): string | undefined {
  const name = part.padEnd(14);
  if (state === "ready") return `${name} ready after ${seconds} s`;
  if (state === "failed") return `${name} failed after ${seconds} s: ${why}`;
  if (state === "absent") return `${name} not used (${why}): the services find each other by fixed addresses`;
  const slow = state === "stopped" && seconds >= SLOW_STOP_SECONDS;
  return slow ? `${name} stopped after ${seconds} s` : undefined;
}

function busyLine(busy: ReadonlyMap<string, { readonly doing: string; readonly since: number }>): string {
  const [first] = busy.values();
  const seconds = first === undefined ? 0 : Math.floor((Date.now() - first.since) / 1_000);
  return `${first?.doing ?? ""} for ${seconds} s: ${[...busy.keys()].map(printable).join(", ")}`;
}

/** One column stays free, so that no terminal begins another line. */
const fitted = (line: string, columns: number): string =>
  line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2))}…`;
