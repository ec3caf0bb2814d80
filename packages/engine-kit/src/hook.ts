import type { Settings } from "@ccsp/config";
import type { Logger } from "pino";
import type { EngineEvent, RunRequest, RunResult } from "./engine.js";
import type { RunFailure } from "./failure.js";
import type { Usage } from "./usage.js";

/** What a hook package exports under the name `hookPlugin`. `C` is the hook's own configuration. */
export interface HookPlugin<C = unknown> {
  /** `[a-z0-9-]`, at most 63 characters. */
  readonly name: string;
  /** Whether a failure of the hook fails the run, when the operator sets nothing else. Undefined: it does not. */
  readonly required?: boolean | undefined;
  /** Reads the hook's settings, which begin with `CCSP_HOOK_<NAME>_`, and no others. Pure. */
  define(settings: Settings): C;
  /** Opens what the hook needs. When that is missing, it rejects and names the setting to change. */
  open(config: C, context: HookContext): Promise<Hook>;
}

/** What the executor gives to a hook. */
export interface HookContext {
  readonly log: Logger;
}

/**
 * A hook acts at each point for which it has a method. `signal` aborts when the time of the call is up or the run is
 * ended; an answer after that is ignored. A hook runs in the executor's own process: a method that computes without a
 * pause blocks all runs.
 */
export interface Hook {
  /** Called before anything is started. May change the request or refuse it. */
  beforeExecute?(run: HookRun, signal: AbortSignal): Promise<RequestChange | undefined>;
  /**
   * May do the run instead of the engine: returns a function that does it, or undefined. The first hook that returns a
   * function does the run. Not called for turns of conversations, because only the engine can continue them.
   */
  execute?(run: HookRun, signal: AbortSignal): Promise<RunHandler | undefined>;
  /** Called after the run succeeded. */
  afterExecute?(run: HookRun, result: RunResult, signal: AbortSignal): Promise<void>;
  /** Called after the run failed, was refused by a hook, or could not be started. CANCELLED: the executor ended it. */
  onError?(run: HookRun, failure: RunFailure, signal: AbortSignal): Promise<void>;
  /**
   * Called for each event of the engine, one call at a time and in order. The run waits only for a hook that is
   * required. For other hooks, events above a bound are dropped.
   */
  onEvent?(run: HookRun, event: EngineEvent, signal: AbortSignal): Promise<void>;
  /** Called when the executor stops and no run is left. It has one second. */
  close?(): Promise<void>;
}

/** The points in the order in which a run reaches them. */
export const HOOK_POINTS = ["before-execute", "execute", "on-event", "after-execute", "on-error"] as const;
export type HookPoint = (typeof HOOK_POINTS)[number];

/** The run for which a hook is called. */
export interface HookRun {
  readonly agentId: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly engine: string;
  /** Includes the changes of the hooks before this one. */
  readonly request: RunRequest;
}

/**
 * What `beforeExecute` may change: only the parts that are present. With `refuse`, the run fails with INVALID_REQUEST
 * and this message.
 */
export interface RequestChange {
  readonly prompt?: string | undefined;
  readonly systemPrompt?: string | undefined;
  readonly model?: string | undefined;
  /** The agent sees this message, so it must hold no secret. */
  readonly refuse?: string | undefined;
}

/** Does a run instead of the engine, within the run's own time. When it throws, the engine does the run. */
export type RunHandler = (signal: AbortSignal) => Promise<Handled>;

/** The outcome of the hook's run: a text, or a failure (`runFailure`). */
export type Handled =
  | {
      readonly text: string;
      readonly usage?: Usage | undefined;
      readonly costUsd?: number | undefined;
      readonly model?: string | undefined;
    }
  | { readonly failure: RunFailure };
