import { fatalLine } from "./fatal-line.js";

/** How far one part of a fleet is: a replica such as `executor-2`, or `redis` or `consul`. */
export interface PartProgress {
  readonly part: string;
  readonly state: "starting" | "ready" | "failed" | "absent" | "stopping" | "stopped";
  /** Since the part began to start, or to stop. */
  readonly seconds: number;
  /** Why the part failed or is absent; what it still waits for while it starts. */
  readonly why?: string | undefined;
}

export type OnProgress = (progress: PartProgress) => void;

/** A part of the fleet did not start. Its message is one line with the part and the cause. */
export class PartFailed extends Error {
  override readonly name = "PartFailed";
  readonly part: string;
  /** The first fatal line of the part, or how it ended if it wrote none. */
  readonly why: string;
  /** The last lines of its output. */
  readonly output: readonly string[];

  constructor(part: string, { why, output = [] }: { readonly why: string; readonly output?: readonly string[] }) {
    super(`${part} did not start: ${why}`);
    this.part = part;
    this.why = why;
    this.output = output;
  }
}

/** How the error of a start says that nothing went on, before the time for which that was so. */
export const NO_PROGRESS = "its start made no progress";

/** How the error of a start says that the lines after it are the part's own. */
const ANNOUNCES_LINES = /\. Its last lines:$/;

/** Follows the start of a part that `start` starts, and reports it. A failure becomes a PartFailed. */
export async function reported<S>(part: string, start: () => Promise<S>, onProgress: OnProgress): Promise<S> {
  const secondsSince = stopwatch();
  onProgress({ part, state: "starting", seconds: 0 });
  try {
    const started = await start();
    onProgress({ part, state: "ready", seconds: secondsSince() });
    return started;
  } catch (error) {
    const [what = "", ...output] = (error instanceof Error ? error.message : String(error)).split("\n");
    const reason = fatalLine(output);
    const why = reason === undefined ? what : `${what.replace(ANNOUNCES_LINES, "")}: ${reason}`;
    onProgress({ part, state: "failed", seconds: secondsSince(), why });
    throw new PartFailed(part, { why, output });
  }
}

/** Seconds since this call, with one digit. */
export function stopwatch(): () => number {
  const since = performance.now();
  return () => Math.round((performance.now() - since) / 100) / 10;
}
