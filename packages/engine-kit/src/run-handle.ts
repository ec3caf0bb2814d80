/** A run's processes, whoever holds the run: the supervisor, an engine, an attempt. */
export interface RunHandle {
  /** Process id, which is also the id of the process group. */
  readonly pid: number;
  /** What its processes took so far, as the last look at them found. */
  readonly resources: RunResources;
  /** How many it had then. */
  readonly processes: number;
  /** Ends every process of the run: asks, waits, kills. Resolves when none is left. Idempotent. */
  stop(): Promise<void>;
  /** The same without asking and waiting, also while a `stop` waits. Idempotent. */
  kill(): Promise<void>;
}

/** What a run's processes took, all of them together. Undefined numbers are unknown. */
export interface RunResources {
  readonly cpuMs: number | undefined;
  readonly peakMemoryBytes: number | undefined;
}

export interface RunExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The beginning of what it wrote to stderr. */
  readonly stderr: string;
  /** The limit for which it was ended. */
  readonly overrun: Overrun | undefined;
  readonly cause?: ExitCause | undefined;
  /** From the start of the process, or from when one that waited got its input. */
  readonly runMs: number;
  readonly resources?: RunResources | undefined;
  /** Its process was there before it. */
  readonly waited?: boolean | undefined;
}

/** What is told of every run: in the log, in spans, in metrics. */
export type RunFacts = Pick<RunExit, "cause" | "code" | "signal" | "runMs" | "resources" | "waited">;

/** In one word: it exited by itself, by a signal from elsewhere, because it was asked to, or for a limit. */
export type ExitCause = "exited" | "signal" | "stopped" | Overrun;

/**
 * Why a run was ended from outside: its time was up, it said nothing for too long, it talked and did nothing new for too long, it
 * used too much memory, it had too many processes.
 */
export type Overrun = "wall" | "silence" | "stall" | "memory" | "processes";
