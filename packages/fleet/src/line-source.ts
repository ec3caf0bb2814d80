import type { OutputStream } from "./process.js";

/** Whose line it is: a replica's such as `executor-2`, `single`, `redis`, `consul`, or `fleet` for the supervisor's own. */
export interface LineSource {
  readonly name: string;
  readonly stream: OutputStream;
}

export type OnLine = (line: string, source: LineSource) => void;
