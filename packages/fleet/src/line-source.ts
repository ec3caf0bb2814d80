import type { OutputStream } from "./process.js";

/**
 * The source of a line: a replica such as `executor-2`, or `single`, `redis`, `consul`, or `fleet` for the supervisor
 * itself, which says on `stderr` what went wrong, and on `stdout` the rest.
 */
export interface LineSource {
  readonly name: string;
  readonly stream: OutputStream;
}

export type OnLine = (line: string, source: LineSource) => void;
