import type { Writable } from "node:stream";
import type { Io } from "../process/io.js";
import { printable } from "../process/printable.js";
import { fitted, textWidth, widthOf } from "./text-width.js";

type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** One line of a terminal that is written again in place. The cursor has to be at the beginning of an empty line. */
export interface TerminalLine {
  /** Columns that the text may have. */
  readonly width: number;
  /** Shows the text in place of the last one, made printable and cut to the width. */
  draw(text: string): void;
  /** Removes the text. The cursor is then where it was before `draw`. */
  clear(): void;
}

/** With text in the last column, some terminals go on to the next line. A terminal shows Ctrl-C as `^C`. */
const FREE_COLUMNS = 3;
/** Goes to the beginning of the line and empties it. */
const EMPTY_LINE = "\r\u001b[2K";

/** The line on standard error. Undefined when that is not a terminal in which a line can be written again. */
export function terminalLine({ env, stderr }: Pick<Io, "env" | "stderr">): TerminalLine | undefined {
  const terminal: Terminal = stderr;
  if (widthOf(terminal) === undefined || env["TERM"] === "dumb") return undefined;
  let shown = "";
  const line: TerminalLine = {
    get width() {
      return Math.max(1, (widthOf(terminal) ?? 0) - FREE_COLUMNS);
    },
    draw(text) {
      const whole = printable(text);
      const next = textWidth(whole) <= line.width ? whole : fitted(whole, line.width);
      if (next === shown) return;
      terminal.write(`${EMPTY_LINE}${next}`);
      shown = next;
    },
    clear() {
      if (shown === "") return;
      terminal.write(EMPTY_LINE);
      shown = "";
    },
  };
  return line;
}
