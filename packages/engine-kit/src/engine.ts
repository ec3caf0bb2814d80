import type { EngineOptions, TaskPart } from "./engine-options.js";
import type { ErrorCategory, RunFailure } from "./failure.js";
import type { RunFacts, RunHandle, RunResources } from "./run-handle.js";

/** Something that can run a task: one agent CLI. An engine knows its own command line and output; nothing else does. */
export interface Engine {
  /** As tasks name it. */
  readonly name: string;
  /** Name of the account that its runs use, for limits and closed usage windows; undefined: the engine has but one. */
  readonly account?: string | undefined;
  readonly capabilities: EngineCapabilities;
  /** Asks the engine itself; empty when it has no way to say. Rejects when it cannot be run. */
  version(): Promise<string>;
  /** Starts one run. Rejects when no process could be started; nothing is left behind then. */
  start(request: RunRequest): Promise<EngineRun>;
}

/** What an engine can do. */
export interface EngineCapabilities {
  /** Text comes while it is written, not all at the end. */
  readonly streaming: boolean;
  /** It says what it used. */
  readonly usage: boolean;
  /** What it honours of a task besides the prompt and the limits that the executor keeps. A task that asks for more is refused. */
  readonly takes: readonly TaskPart[];
}

/** What an engine may do without asking; the words of `ccsp.task.v1.PermissionMode`. */
export type PermissionMode = "plan" | "default" | "accept-edits" | "skip";

/** One run, ready to be started. */
export interface RunRequest extends EngineOptions {
  /** Names the run: in the processes' environment, in folder names. */
  readonly taskId: string;
  readonly fence: bigint;
  readonly prompt: string;
  /** What the engine gets to read: `writeFiles` puts it into the run's folder. */
  readonly files: readonly RunFile[];
  /** Absolute path of the folder to work in; undefined: the throwaway one. `runOptions` passes it on. */
  readonly workingFolder: string | undefined;
  readonly permissionMode: PermissionMode;
  /** Undefined: nobody will go on from this run. */
  readonly conversation?: ConversationTurn | undefined;
  /** It is to show that the engine can be started: no process that waited serves it. */
  readonly startNow?: boolean | undefined;
  /** Aborts when nobody wants the run any more: an engine that waits for something before it starts the process rejects then. */
  readonly unwanted?: AbortSignal | undefined;
  readonly limits: RunLimits;
  /** W3C context that the engine's process gets; empty when tracing is off. */
  readonly traceparent: string;
}

/** A run whose conversation is kept: its result has the `transcript`. */
export interface ConversationTurn {
  /** What it goes on from; undefined: it begins a new one. */
  readonly from: ConversationState | undefined;
  /** It leaves that as it is: its own has a new id. */
  readonly fork: boolean;
}

/** A conversation as an earlier run of the same engine left it, perhaps on another host. */
export interface ConversationState {
  /** The engine's own. */
  readonly id: string;
  /** In the engine's own form. */
  readonly transcript: Uint8Array;
}

/** A file that a task brings, or a copy of one that it names. */
export interface RunFile {
  /** Relative path in the folder of the run's files; no part of it is `.` or `..`. */
  readonly name: string;
  readonly content: Uint8Array;
  /** Where it was copied from; undefined: the task brought it. */
  readonly origin: string | undefined;
}

export interface RunLimits {
  readonly wallMs: number;
  readonly outputBytes: number;
  readonly turns: number | undefined;
  readonly budgetUsd: number | undefined;
}

/** A run under way. */
export interface EngineRun extends RunHandle {
  /**
   * What the engine says, as it says it. Has to be read to its end, once; the engine is not read ahead of the reader, so a
   * slow reader slows the engine down. Never throws.
   */
  readonly events: AsyncIterable<EngineEvent>;
  /** How it ended. Resolves after `events` has ended and every process of the run is gone. Never rejects. */
  readonly outcome: Promise<RunOutcome>;
}

/**
 * What an engine says. Texts with one number are one message, whose text they are, joined; a later message has a higher number. Engines that have
 * no messages leave it out: that is message 1. `taken-back`: the engine will not stand by what came of this message, such as the half of an answer
 * that it asked for anew. `followRun` sees to it that the last message that stands is the answer.
 */
export type EngineEvent =
  | { readonly type: "text"; readonly text: string; readonly message?: number | undefined }
  | { readonly type: "taken-back"; readonly message: number }
  | { readonly type: "tool"; readonly name: string }
  | { readonly type: "notice"; readonly category: ErrorCategory; readonly message: string };

export type RunOutcome = RunSuccess | RunFailed;

export interface RunSuccess {
  readonly ok: true;
  readonly result: RunResult;
  /** Undefined: nobody saw its process end. */
  readonly facts?: RunFacts | undefined;
}

export interface RunFailed {
  readonly ok: false;
  readonly failure: RunFailure;
  readonly facts?: RunFacts | undefined;
  readonly usage: Usage | undefined;
  readonly costUsd: number | undefined;
}

export interface RunResult {
  readonly text: string;
  readonly usage: Usage | undefined;
  readonly costUsd: number | undefined;
  /** The engine's own; empty when it did not say one. */
  readonly conversationId: string;
  /** For a later run to go on from, where that was asked for and can be done. */
  readonly transcript?: Uint8Array | undefined;
  /** As the run itself said it; empty when it did not. */
  readonly engineVersion: string;
  readonly model: string;
  readonly turns: number;
  /** Uses of tools that the run was not allowed; undefined where the engine does not say. */
  readonly permissionDenials?: readonly PermissionDenial[] | undefined;
  /** From the start of the process to its end. */
  readonly runMs: number;
  /** Undefined where nobody measured. */
  readonly resources?: RunResources | undefined;
}

export interface PermissionDenial {
  /** The tool, in the engine's words. */
  readonly tool: string;
  /** What it was to do: the beginning of its input as JSON. */
  readonly input: string;
}

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheCreationTokens: number;
}
