import type { Rule } from "../classify.js";
import type { Usage } from "../engine.js";
import type { ErrorCategory } from "../failure.js";
import type { EnginePlugin } from "../plugin.js";
import type { Supervisor } from "../supervisor.js";

/** How the suite brings one engine to do what it tests. */
export interface EngineRig {
  readonly plugin: EnginePlugin;
  /** Settings with which the engine runs against something harmless. Called once, before the first test. */
  env(): Promise<Readonly<Record<string, string>>>;
  /** Called once, after the last test. */
  close?(): Promise<void>;
  /** The executor's own, where it is at hand; left out: a plain one. Runs have their folders in `folder`. */
  readonly createSupervisor?: (options: SupervisorNeeds) => Supervisor & { close?(): Promise<void> };
  readonly prompts: RigPrompts;
  /** The engine's table of errors: no pattern in it may take longer than in proportion to the text. */
  readonly rules?: readonly Rule[];
}

export interface SupervisorNeeds {
  readonly folder: string;
  /** Longest time without output. */
  readonly silenceMs: number;
}

/** Prompts. The suite adds words to them, in a line of their own. */
export interface RigPrompts {
  /** Brings `text` as the answer, written in pieces that end in the middle of characters. */
  answer(text: string): string;
  /** Brings a text of several megabytes. */
  readonly huge: { readonly prompt: string; readonly text: string };
  /** Never brings a word, and does not end. */
  readonly hang: string;
  /** Writes some text, and then is as above. */
  readonly hangAfterText: string;
  /** Each brings `text` as its result, and writes more on the way: before it uses a tool, or until a connection breaks. */
  readonly detours?: readonly { readonly prompt: string; readonly text: string }[];
  /** For an engine that says what it used. */
  readonly usage?: { readonly prompt: string; readonly usage: Usage };
  /** Each ends in a failure of this category. */
  readonly failures: readonly { readonly prompt: string; readonly category: ErrorCategory }[];
}
