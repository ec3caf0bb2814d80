import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** All that a command sees of its process, so that tests can run it without one. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
  /** Calls the listener on SIGINT and SIGTERM, instead of ending the process. Returns a function that stops listening. */
  onInterrupt(listener: () => void): () => void;
}

export function say(io: Io, line: string): void {
  io.stdout.write(`${line}\n`);
}

export function note(io: Io, line: string): void {
  io.stderr.write(`${line}\n`);
}

/** Writes no faster than the reader reads. */
export async function write(io: Io, text: string): Promise<void> {
  if (!io.stdout.write(text)) await once(io.stdout, "drain");
}

/** One line of JSON; 64-bit numbers as strings, as in proto JSON. */
export function sayJson(io: Io, value: unknown): void {
  say(
    io,
    JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? item.toString() : item)),
  );
}
