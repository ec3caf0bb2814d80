import type { Words } from "./classify.js";
import type { EngineEvent, PermissionDenial, Usage } from "./engine.js";
import type { RunExit } from "./run-handle.js";

/**
 * What an engine has said in a run so far, as far as the run's end depends on it. An engine's reader fills it in. `W` names the
 * engine's own words for what went wrong, which its rules look at.
 */
export interface Transcript<W extends string = string> {
  version: string | undefined;
  conversationId: string | undefined;
  /** The conversation in the engine's own form, for `RunResult.transcript`. */
  kept: Uint8Array | undefined;
  model: string | undefined;
  /** It wrote text or used a tool. */
  worked: boolean;
  /**
   * The engine's last word: its input is closed, and it has a short time to end. A reader takes it back when the engine goes on to another turn all
   * the same; the run then lasts until the next one, or until its limits end it.
   */
  ending: Ending | undefined;
  /** Uses of tools that it was not allowed. */
  denials: readonly PermissionDenial[];
  usage: Usage | undefined;
  costUsd: number | undefined;
  words: Words<W>;
  /** HTTP status of the provider's answer, where that was the error. */
  status: number | undefined;
  /** When the provider takes requests again, as it said; in ms since the epoch. */
  retryAtMs: number | undefined;
  /** Why it did not start, for the message of a crash: to be set only where it cannot hold prompt, output or secret. */
  complaint: string | undefined;
}

export interface Ending {
  readonly ok: boolean;
  /** The answer, or what the engine says of its failure. */
  readonly text: string;
  readonly turns: number;
}

/** Understands the output of one run. */
export interface RunReader<W extends string = string> {
  readonly transcript: Transcript<W>;
  /** Takes one piece of output. Undefined when it is not understood; it changes nothing then. */
  read(piece: Buffer): readonly EngineEvent[] | undefined;
  /** The process is gone, by itself: for engines whose exit says how the run ended. Not called when a limit or its owner ended it. */
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
  complaint: undefined,
});
