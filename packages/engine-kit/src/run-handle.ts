import type { Usage } from "./usage.js";

/** Access to a run's processes, for the supervisor, an engine or an attempt. */
export interface RunHandle {
  /** Process id, which is also the id of the process group. */
  readonly pid: number;
  /** The resources that its processes have used, at the time of the last check. */
  readonly resources: RunResources;
  /** The number of its processes at the last check. */
  readonly processes: number;
  /** The executor's broker, for this run. Undefined: the login is in the run. */
  readonly broker?: RunBrokerHandle | undefined;
  /** Ends every process of the run: asks, waits, kills. Resolves when none is left. Idempotent. */
  stop(): Promise<void>;
  /** Kills at once, also while a `stop` waits. Idempotent. */
  kill(): Promise<void>;
}

/** Access to the messages of a run to its model, while it works. */
export interface RunBrokerHandle {
  /** What its messages have used so far. */
  readonly use: BrokeredUse;
  /**
   * From now on, no message of it begins, until it is let go with undefined. `why`: in words for people. Of a run that a
   * refused message has ended, the outcome says it.
   */
  hold(why: string | undefined): void;
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
  /** What the executor's broker saw of it. Undefined: the login was in the run. */
  readonly brokered?: BrokeredUse | undefined;
}

/** The messages of a run to its model, as the executor's broker saw them. */
export interface BrokeredUse {
  /** Of all answers, also of those that were broken off. Undefined: none told any. */
  readonly usage: Usage | undefined;
  /** Undefined: no answer told any usage, or a model has no price. */
  readonly costUsd: number | undefined;
  /** The first that an answer named. Empty: none did. */
  readonly model: string;
  /** A message was refused because of a budget: which one is used up, in words for people. Undefined: none was. */
  readonly overBudget: string | undefined;
  /** When the next message is allowed, in ms since the epoch. Undefined: the last answer was no 429, or did not say. */
  readonly retryAtMs: number | undefined;
}

/** The facts about a run for logs, spans and metrics. */
export interface RunFacts extends Pick<RunExit, "cause" | "code" | "signal" | "runMs" | "resources" | "waited"> {
  /** By how many tokens the engine's result differs from what the broker counted. Undefined: by none, as far as known. */
  readonly miscountedTokens?: number | undefined;
}

/** Why the process ended: by itself, by a signal from elsewhere, by request, or because of a limit. */
export type ExitCause = "exited" | "signal" | "stopped" | Overrun;

/**
 * The limit that ended a run: its time was up (`wall`), it said nothing for too long (`silence`), it talked but did
 * nothing new for too long (`stall`), it used too much memory, or it had too many processes.
 */
export type Overrun = "wall" | "silence" | "stall" | "memory" | "processes";
