import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { printable, printableText } from "./printable.js";

/** All that a command sees of its process, so that tests can run it without one. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
  /** Calls the listener on SIGINT and SIGTERM, instead of ending the process. Returns a function that stops listening. */
  onInterrupt(listener: () => void): () => void;
  /** Calls the listener when output cannot be written, instead of ending the process. Returns a function that stops listening. */
  onOutputFault(listener: () => void): () => void;
}

/** A line for people. What would end it or steer a terminal is shown escaped, wherever in it it stands. */
export function say(io: Io, line: string): void {
  sayFormatted(io, printable(line));
}

/** A line whose colours are meant, and whose fields are printable already. */
export function sayFormatted(io: Io, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** A line to standard error, printable as with `say`. */
export function note(io: Io, line: string): void {
  io.stderr.write(`${printable(line)}\n`);
}

/** What an engine wrote: byte for byte, but on a terminal without what would steer it. Writes no faster than the reader reads. */
export async function writeText(io: Io, text: string): Promise<void> {
  if (!io.stdout.write(io.stdout.isTTY === true ? printableText(text) : text)) await once(io.stdout, "drain");
}

/** One line of JSON; 64-bit numbers as strings, as in proto JSON. */
export function sayJson(io: Io, value: unknown): void {
  say(
    io,
    JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? item.toString() : item)),
  );
}
