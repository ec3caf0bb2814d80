import type { Settings } from "@ccsp/config";
import type { Logger } from "pino";
import type { EngineEvent, RunRequest, RunResult, Usage } from "./engine.js";
import type { RunFailure } from "./failure.js";

/** What a hook package exports, under the name `hookPlugin`. `C` is its own configuration. */
export interface HookPlugin<C = unknown> {
  /** `[a-z0-9-]`, at most 63 characters. */
  readonly name: string;
  /** Whether a failure of it fails the run, where the operator does not say otherwise; undefined: it does not. */
  readonly required?: boolean | undefined;
  /** Reads the hook's settings, which begin with `CCSP_HOOK_<NAME>_`, and nothing else. Pure. */
  define(settings: Settings): C;
  /** Opens what the hook needs. Rejects, naming the setting to change, when it is not there. */
  open(config: C, context: HookContext): Promise<Hook>;
}

/** What the executor gives to a hook. */
export interface HookContext {
  readonly log: Logger;
}

/**
 * Acts at the points that it has a method for. `signal` aborts when its time is up or the run is ended; what it answers after that is
 * not listened to. It runs in the executor's own process: a method that computes without a pause holds up all runs.
 */
export interface Hook {
  /** Before anything is started. May change the request or refuse it. */
  beforeExecute?(run: HookRun, signal: AbortSignal): Promise<RequestChange | undefined>;
  /**
   * May do the run in the engine's place: answers what does it, or undefined. The first hook that answers something has it. Not asked
   * for turns of conversations, which only the engine can go on with.
   */
  execute?(run: HookRun, signal: AbortSignal): Promise<RunHandler | undefined>;
  /** The run succeeded. */
  afterExecute?(run: HookRun, result: RunResult, signal: AbortSignal): Promise<void>;
  /** The run failed, was refused by a hook or could not be started; CANCELLED: it was ended by the executor. */
  onError?(run: HookRun, failure: RunFailure, signal: AbortSignal): Promise<void>;
  /** The engine said something. One call at a time and in order; see `HookPlugin.required` for who waits for whom. */
  onEvent?(run: HookRun, event: EngineEvent, signal: AbortSignal): Promise<void>;
  /** The executor stops; no run is left. It has a second for it. */
  close?(): Promise<void>;
}

/** Points in the order in which a run comes to them. */
export const HOOK_POINTS = ["before-execute", "execute", "on-event", "after-execute", "on-error"] as const;
export type HookPoint = (typeof HOOK_POINTS)[number];

/** The run that a hook is called for. */
export interface HookRun {
  readonly agentId: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly engine: string;
  /** With what the hooks before this one changed. */
  readonly request: RunRequest;
}

/** What `beforeExecute` may change: the parts that are there. With `refuse` the run fails with INVALID_REQUEST and this message. */
export interface RequestChange {
  readonly prompt?: string | undefined;
  readonly systemPrompt?: string | undefined;
  readonly model?: string | undefined;
  /** For the agent: no secret. */
  readonly refuse?: string | undefined;
}

/** Does a run in the engine's place, within the run's own time. When it throws, the engine does the run after all. */
export type RunHandler = (signal: AbortSignal) => Promise<Handled>;

/** What came of it: a text, or a failure (`runFailure`). */
export type Handled =
  | {
      readonly text: string;
      readonly usage?: Usage | undefined;
      readonly costUsd?: number | undefined;
      readonly model?: string | undefined;
    }
  | { readonly failure: RunFailure };
