import type { EngineOptions, TaskPart } from "./engine-options.js";
import type { ErrorCategory, RunFailure } from "./failure.js";
import type { RunFacts, RunHandle, RunResources } from "./run-handle.js";
import type { Usage } from "./usage.js";

/** Something that can run a task: one agent CLI. Only the engine knows its own command line and output. */
export interface Engine {
  /** The name by which tasks ask for it. */
  readonly name: string;
  /**
   * Name of the account that its runs use, for limits and closed usage windows. Undefined: the engine has only one
   * account.
   */
  readonly account?: string | undefined;
  /** The provider of its models, by the names of OpenTelemetry's conventions. Undefined: it has several. */
  readonly provider?: string | undefined;
  /**
   * Where there is a broker, runs name their provider, and hold no login. Undefined or false: their login is in the
   * run.
   */
  readonly brokered?: boolean | undefined;
  readonly capabilities: EngineCapabilities;
  /** Asks the engine itself. Empty when the engine cannot say its version. Rejects when the engine cannot be run. */
  version(): Promise<string>;
  /** Starts one run. Rejects when no process could be started; then nothing is left behind. */
  start(request: RunRequest): Promise<EngineRun>;
}

/** What an engine can do. */
export interface EngineCapabilities {
  /** Whether text comes while the engine writes it, and not only at the end. */
  readonly streaming: boolean;
  /** Whether the engine reports its usage. */
  readonly usage: boolean;
  /**
   * The parts of a task that the engine honours, in addition to the prompt and the limits that the executor keeps. A
   * task that asks for another part is refused.
   */
  readonly takes: readonly TaskPart[];
}

/** What an engine may do without asking. The names are those of `ccsp.task.v1.PermissionMode`. */
export type PermissionMode = "plan" | "default" | "accept-edits" | "skip";

/** One run that is ready to start. */
export interface RunRequest extends EngineOptions {
  /** Identifies the run in the environment of its processes and in the names of folders. */
  readonly taskId: string;
  readonly fence: bigint;
  /** Whose task it is. Undefined: the executor's own, such as a probe. `runOptions` passes it on. */
  readonly agentId?: string | undefined;
  readonly prompt: string;
  /** The files that the engine may read. `writeFiles` writes them into the run's folder. */
  readonly files: readonly RunFile[];
  /** Absolute path of the folder to work in. Undefined: the throwaway folder. `runOptions` passes it on. */
  readonly workingFolder: string | undefined;
  /** The allowed root that has the working folder: an absolute path without links. Undefined: no working folder. */
  readonly workingRoot?: string | undefined;
  /**
   * The operator trusts working folders. Otherwise an engine loads nothing from one that runs commands or gives
   * permissions, such as hooks and settings.
   */
  readonly projectSettings?: boolean | undefined;
  readonly permissionMode: PermissionMode;
  /** Undefined: no later run will continue from this one. */
  readonly conversation?: ConversationTurn | undefined;
  /**
   * The run checks whether the engine can be started. So it does not get a process that was started before and waited.
   */
  readonly startNow?: boolean | undefined;
  /**
   * Aborts when the run is not wanted any more. An engine that waits for something before it starts the process then
   * rejects.
   */
  readonly unwanted?: AbortSignal | undefined;
  readonly limits: RunLimits;
  /** W3C trace context for the engine's process. Empty when tracing is off. */
  readonly traceparent: string;
}

/** For a run whose conversation is kept: its result has the `transcript`. */
export interface ConversationTurn {
  /** The conversation to continue. Undefined: the run begins a new one. */
  readonly from: ConversationState | undefined;
  /** Leaves the continued conversation unchanged: the run's own conversation gets a new id. */
  readonly fork: boolean;
}

/** A conversation as an earlier run of the same engine left it, possibly on another host. */
export interface ConversationState {
  /** The engine's own id. */
  readonly id: string;
  /** In the engine's own format. */
  readonly transcript: Uint8Array;
}

/** A file that a task brings, or a copy of a file that it names. */
export interface RunFile {
  /** Relative path in the folder of the run's files. No part of it is `.` or `..`. */
  readonly name: string;
  readonly content: Uint8Array;
  /** The path from which it was copied. Undefined: the task brought it. */
  readonly origin: string | undefined;
}

export interface RunLimits {
  readonly wallMs: number;
  readonly outputBytes: number;
  readonly turns: number | undefined;
  readonly budgetUsd: number | undefined;
}

/** A run in progress. */
export interface EngineRun extends RunHandle {
  /**
   * What the engine says, at the time when it says it. The caller must read it to its end, once. Nothing is read ahead
   * of the caller, so a slow caller slows the engine down. Never throws.
   */
  readonly events: AsyncIterable<EngineEvent>;
  /** How the run ended. Resolves after `events` has ended and every process of the run is gone. Never rejects. */
  readonly outcome: Promise<RunOutcome>;
}

/**
 * Something that the engine says. Texts with the same number are one message, whose text is these texts joined. A later
 * message has a higher number. Engines without messages leave the number out: that is message 1. `taken-back`: the
 * engine withdraws what it sent of this message, such as half of an answer that it requested again. `followRun` makes
 * sure that the last message that was not taken back is the answer. `usage`: what the run has used so far, at most once
 * for each turn of the model. `followRun` makes sure that the last one has the numbers of the outcome.
 * `tool-ended`: the tool with this `id` has ended. An engine that does not say this leaves both out.
 */
export type EngineEvent =
  | { readonly type: "text"; readonly text: string; readonly message?: number | undefined }
  | { readonly type: "taken-back"; readonly message: number }
  | { readonly type: "tool"; readonly name: string; readonly id?: string | undefined }
  | { readonly type: "tool-ended"; readonly id: string; readonly failed: boolean }
  | ({ readonly type: "usage" } & UsageSoFar)
  | { readonly type: "notice"; readonly category: ErrorCategory; readonly message: string };

/** Totals of a run until now. */
export interface UsageSoFar {
  /** Number of model turns that are complete. */
  readonly turns: number;
  /** Undefined: not known yet. */
  readonly usage: Usage | undefined;
  /** Undefined: not known yet. Some engines tell it only with their result. */
  readonly costUsd: number | undefined;
  /** Empty: not known. */
  readonly model: string;
  /** Number of uses of tools. A reader leaves it out: `followRun` counts them. */
  readonly toolUses?: number | undefined;
}

export type RunOutcome = RunSuccess | RunFailed;

/** What the provider says of one usage window of the login: a limit over hours or days. */
export interface WindowSignal {
  /** As the engine names it: 1 to 64 characters of `[A-Za-z0-9._-]`. */
  readonly name: string;
  /** `warning`: open, but nearly used up. */
  readonly state: "open" | "warning" | "closed";
  /** When the window turns, in ms since the epoch. Undefined: not said. */
  readonly resetMs: number | undefined;
  /** The share that is used, 0 to 1. Undefined: not said. */
  readonly share: number | undefined;
  /** How long a window lasts. Undefined: not known. */
  readonly lengthMs: number | undefined;
}

export interface RunSuccess {
  readonly ok: true;
  readonly result: RunResult;
  /** Undefined: the end of the process was not observed. */
  readonly facts?: RunFacts | undefined;
  /** What the engine said last of each usage window. Undefined: nothing. */
  readonly windows?: readonly WindowSignal[] | undefined;
}

export interface RunFailed {
  readonly ok: false;
  readonly failure: RunFailure;
  readonly facts?: RunFacts | undefined;
  readonly windows?: readonly WindowSignal[] | undefined;
  readonly usage: Usage | undefined;
  readonly costUsd: number | undefined;
  /** The model that ran, as the engine named it. Undefined or empty: not known. */
  readonly model?: string | undefined;
}

export interface RunResult {
  readonly text: string;
  readonly usage: Usage | undefined;
  readonly costUsd: number | undefined;
  /** The engine's own id. Empty when the engine did not say one. */
  readonly conversationId: string;
  /** A later run can continue from it. Present when it was asked for and the engine can do it. */
  readonly transcript?: Uint8Array | undefined;
  /** The version that the run itself reported. Empty when it reported none. */
  readonly engineVersion: string;
  readonly model: string;
  readonly turns: number;
  /** Why the model stopped, in the engine's word: lower-case letters, _ and -. Undefined when the engine does not say it. */
  readonly finishReason?: string | undefined;
  /** Uses of tools that the run was not allowed. Undefined when the engine does not report them. */
  readonly permissionDenials?: readonly PermissionDenial[] | undefined;
  /** From the start of the process to its end. */
  readonly runMs: number;
  /** Undefined when they were not measured. */
  readonly resources?: RunResources | undefined;
}

export interface PermissionDenial {
  /** The engine's name for the tool. */
  readonly tool: string;
  /** What the tool should do: the beginning of its input as JSON. */
  readonly input: string;
}
