import type { Words } from "./classify.js";
import type { EngineEvent, PermissionDenial, WindowSignal } from "./engine.js";
import type { RunExit } from "./run-handle.js";
import type { Usage } from "./usage.js";

/**
 * What an engine has said in a run so far, as far as the outcome of the run depends on it. The engine's reader fills it
 * in. `W` names the fields with the engine's own words for a failure, which its rules check.
 */
export interface Transcript<W extends string = string> {
  version: string | undefined;
  conversationId: string | undefined;
  /** The conversation in the engine's own format, for `RunResult.transcript`. */
  kept: Uint8Array | undefined;
  model: string | undefined;
  /** Whether the engine wrote text or used a tool. */
  worked: boolean;
  /**
   * The end that the engine announced. Then its input is closed, and it has a short time to exit. A reader removes the
   * ending again when the engine continues with another turn. The run then lasts until the next ending, or until its
   * limits end it.
   */
  ending: Ending | undefined;
  /** Uses of tools that the engine was not allowed. */
  denials: readonly PermissionDenial[];
  usage: Usage | undefined;
  costUsd: number | undefined;
  /** Why the model stopped, in the engine's word. */
  finishReason?: string | undefined;
  words: Words<W>;
  /** HTTP status of the provider's answer, when that answer was the error. */
  status: number | undefined;
  /** When the provider accepts requests again, as it said; in ms since the epoch. */
  retryAtMs: number | undefined;
  /** What the engine said last of each usage window of its login. */
  windows: readonly WindowSignal[];
  /**
   * Why the engine did not start, for the message of a crash. Set it only when it cannot hold a prompt, output or
   * secret.
   */
  complaint: string | undefined;
}

export interface Ending {
  readonly ok: boolean;
  /** The answer, or what the engine says about its failure. */
  readonly text: string;
  readonly turns: number;
}

/** Interprets the output of one run. */
export interface RunReader<W extends string = string> {
  readonly transcript: Transcript<W>;
  /** Takes one piece of output. Undefined when it does not understand the piece; then the piece changes nothing. */
  read(piece: Buffer): readonly EngineEvent[] | undefined;
  /**
   * Called when the process ended by itself, for engines whose exit says how the run ended. Not called when a limit or
   * the owner of the run ended it.
   */
  end?(exit: RunExit): readonly EngineEvent[];
}

export const emptyTranscript = <W extends string>(): Transcript<W> => ({
  version: undefined,
  conversationId: undefined,
  kept: undefined,
  model: undefined,
  worked: false,
  ending: undefined,
  denials: [],
  usage: undefined,
  costUsd: undefined,
  words: {},
  status: undefined,
  retryAtMs: undefined,
  windows: [],
  complaint: undefined,
});
