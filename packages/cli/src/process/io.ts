import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { Env } from "@ccsp/config";
import { printable, printableText } from "./printable.js";

/** Everything that a command uses of its process. Tests can replace it and need no process. */
export interface Io {
  readonly env: Env;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** `columns` is the width of the terminal. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /**
   * Calls the listener with a signal that asks the command to end, instead of ending the process. Returns a function
   * that stops listening.
   */
  readonly onInterrupt: (listener: (signal: EndSignal) => void) => () => void;
  /**
   * Calls the listener when standard output cannot be written, instead of ending the process. Returns a function that
   * stops listening.
   */
  readonly onOutputFault: (listener: (error: NodeJS.ErrnoException) => void) => () => void;
}

/** Ctrl-C, a request to end, and a terminal that was closed. */
export type EndSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** Prints a line for people. Characters that would end the line or control a terminal are shown escaped. */
export function say(io: Io, line: string): void {
  sayFormatted(io, printable(line));
}

/** Prints a line with its own colours. The caller must make its fields printable. */
export function sayFormatted(io: Io, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** Prints a line on standard error, made printable as by `say`. */
export function note(io: Io, line: string): void {
  io.stderr.write(`${printable(line)}\n`);
}

/**
 * Prints what an engine wrote, byte for byte. On a terminal, characters that would control it are escaped. Waits when
 * the reader is slow (backpressure).
 */
export async function writeText(io: Io, text: string): Promise<void> {
  if (!io.stdout.write(io.stdout.isTTY === true ? printableText(text) : text)) await once(io.stdout, "drain");
}

/**
 * Prints one line of JSON. Messages are converted before (see output/json-forms.ts); here only other big integers are
 * text.
 */
export function sayJson(io: Io, value: unknown): void {
  say(
    io,
    JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? item.toString() : item)),
  );
}
