import type { Usage } from "./usage.js";

/** Access to a run's processes, for the supervisor, an engine or an attempt. */
export interface RunHandle {
  /** Process id, which is also the id of the process group. */
  readonly pid: number;
  /** The resources that its processes have used, at the time of the last check. */
  readonly resources: RunResources;
  /** The number of its processes at the last check. */
  readonly processes: number;
  /** Ends every process of the run: asks, waits, kills. Resolves when none is left. Idempotent. */
  stop(): Promise<void>;
  /** Kills at once, also while a `stop` waits. Idempotent. */
  kill(): Promise<void>;
}

/** What all processes of a run used together. Undefined numbers are unknown. */
export interface RunResources {
  readonly cpuMs: number | undefined;
  readonly peakMemoryBytes: number | undefined;
}

export interface RunExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The beginning of what the process wrote to stderr. */
  readonly stderr: string;
  /** The limit because of which the run was ended. */
  readonly overrun: Overrun | undefined;
  readonly cause?: ExitCause | undefined;
  /** From the start of the process. For a process that waited, from the time when it got its input. */
  readonly runMs: number;
  readonly resources?: RunResources | undefined;
  /** The process was started before the run and waited for it. */
  readonly waited?: boolean | undefined;
  /** What the run had used when the broker refused it one more request. Undefined: it refused none for the budget. */
  readonly overBudget?: BrokeredUse | undefined;
}

/** What the executor's broker counted of a run. */
export interface BrokeredUse {
  readonly usage: Usage;
  readonly costUsd: number;
  /** Empty: no answer named one. */
  readonly model: string;
}

/** The facts about a run for logs, spans and metrics. */
export type RunFacts = Pick<RunExit, "cause" | "code" | "signal" | "runMs" | "resources" | "waited">;

/** Why the process ended: by itself, by a signal from elsewhere, by request, or because of a limit. */
export type ExitCause = "exited" | "signal" | "stopped" | Overrun;

/**
 * The limit that ended a run: its time was up (`wall`), it said nothing for too long (`silence`), it talked but did
 * nothing new for too long (`stall`), it used too much memory, or it had too many processes.
 */
export type Overrun = "wall" | "silence" | "stall" | "memory" | "processes";
