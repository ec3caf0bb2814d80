import type { Rule } from "../classify.js";
import type { ErrorCategory } from "../failure.js";
import type { EnginePlugin } from "../plugin.js";
import type { Supervisor } from "../supervisor.js";
import type { Usage } from "../usage.js";

/** How the suite makes one engine do what it tests. */
export interface EngineRig {
  readonly plugin: EnginePlugin;
  /** Settings with which the engine runs against something harmless. Called once, before the first test. */
  env(): Promise<Readonly<Record<string, string>>>;
  /** Called once, after the last test. */
  close?(): Promise<void>;
  /**
   * The executor's own supervisor, where the caller has it. Absent: a plain one. Runs have their folders in `folder`.
   */
  readonly createSupervisor?: (options: SupervisorNeeds) => Supervisor & { close?(): Promise<void> };
  readonly prompts: RigPrompts;
  /** The engine's table of errors. The time of its patterns must grow at most in proportion to the text. */
  readonly rules?: readonly Rule[];
}

export interface SupervisorNeeds {
  readonly folder: string;
  /** Longest time without output. */
  readonly silenceMs: number;
}

/** Prompts. The suite adds text to them, on a line of its own. */
export interface RigPrompts {
  /** Produces `text` as the answer, written in pieces that end in the middle of characters. */
  answer(text: string): string;
  /** Produces a text of several megabytes. */
  readonly huge: { readonly prompt: string; readonly text: string };
  /** Produces no text, and does not end. */
  readonly hang: string;
  /** Writes some text, and then nothing, and does not end. */
  readonly hangAfterText: string;
  /**
   * Each produces `text` as its result, and writes more before that: before it uses a tool, or until a connection
   * breaks.
   */
  readonly detours?: readonly { readonly prompt: string; readonly text: string }[];
  /** For an engine that reports its usage. */
  readonly usage?: { readonly prompt: string; readonly usage: Usage };
  /** Each ends in a failure of this category. */
  readonly failures: readonly { readonly prompt: string; readonly category: ErrorCategory }[];
}
