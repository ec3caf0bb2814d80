import { type ErrorCategory, type FailureTraits, type RunFailure, runFailure } from "./failure.js";

/** What is known about a run that failed. `W` names the fields with the engine's own words for the failure. */
export interface Symptoms<W extends string = string> {
  /** Whether the engine said how the run ended. */
  readonly finished: boolean;
  /** Whether the engine wrote text or used a tool. */
  readonly worked: boolean;
  readonly words: Words<W>;
  /** HTTP status of the provider's answer, when that answer was the error. */
  readonly status: number | undefined;
  /**
   * What the engine itself says about its failure. Never an answer, because an answer may quote the text of any error.
   */
  readonly text: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
}

export type Words<W extends string> = { readonly [K in W]?: string | undefined };

/**
 * One row of an engine's table of failures. All conditions in `when` must hold. Patterns see the beginning and the end
 * of a long text. The time of a pattern must grow at most in proportion to the text: `slowPatterns` of the conformance
 * suite finds patterns that break this rule.
 */
export interface Rule<W extends string = string> extends Partial<FailureTraits> {
  readonly when: {
    readonly finished?: boolean;
    readonly worked?: boolean;
    readonly words?: { readonly [K in W]?: readonly string[] };
    readonly status?: readonly number[];
    readonly text?: RegExp;
    readonly stderr?: RegExp;
    readonly exitCode?: number;
  };
  readonly category: ErrorCategory;
  /** For people to read. `{status}` is replaced with the status. */
  readonly message: string;
}

/** How a run can end when the engine itself says nothing about its end. Every engine's table ends with these rules. */
export const ENDINGS: readonly Rule<never>[] = [
  // The exit code alone proves nothing: some engines exit like this after SIGINT too.
  {
    when: { finished: false, exitCode: 0, worked: false },
    category: "NO_WORK_DONE",
    message: "the engine ended without doing anything",
  },
  { when: { finished: false }, category: "ENGINE_CRASH", message: "the engine ended without a result" },
];

const UNKNOWN = runFailure("UNKNOWN_ERROR", "the engine reported an error that is not known here");

/** Finds the kind of a failure: the first rule that holds counts. Only for runs that failed. */
export function classify<W extends string>(rules: readonly Rule<W>[], symptoms: Symptoms<W>): RunFailure {
  const { text, stderr } = symptoms;
  const shown = { ...symptoms, text: endsOf(text), stderr: endsOf(stderr) };
  const rule = rules.find(({ when }) => holds(when, shown));
  if (rule === undefined) return UNKNOWN;
  const { when: _when, category, message, ...differs } = rule;
  return runFailure(category, message.replace("{status}", String(symptoms.status)), differs);
}

/**
 * Most UTF-16 units of a text that patterns see, because an engine's words may be megabytes, and a pattern may be slow.
 */
const MOST_TEXT = 8_192;

/** The beginning and the end of a long text. They say what went wrong and what followed. */
const endsOf = (text: string): string =>
  text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT / 2)}\n…\n${text.slice(-MOST_TEXT / 2)}`;

/** The category of a failed request by its status alone, for notices about retries. */
export function categoryOfStatus<W extends string>(rules: readonly Rule<W>[], status: number): ErrorCategory {
  const rule = rules.find(({ when }) => when.status?.includes(status) && Object.keys(when).length === 1);
  return (rule ?? UNKNOWN).category;
}

function holds<W extends string>(when: Rule<W>["when"], symptoms: Symptoms<W>): boolean {
  return (
    (when.finished === undefined || when.finished === symptoms.finished) &&
    (when.worked === undefined || when.worked === symptoms.worked) &&
    (when.words === undefined || wordsHold(when.words, symptoms.words)) &&
    (when.status === undefined || when.status.includes(symptoms.status ?? 0)) &&
    (when.text === undefined || when.text.test(symptoms.text)) &&
    (when.stderr === undefined || when.stderr.test(symptoms.stderr)) &&
    (when.exitCode === undefined || when.exitCode === symptoms.exitCode)
  );
}

const wordsHold = <W extends string>(wanted: NonNullable<Rule<W>["when"]["words"]>, said: Words<W>): boolean =>
  Object.entries<readonly string[] | undefined>(wanted).every(([name, words]) =>
    words?.includes(Object.entries<string | undefined>(said).find(([other]) => other === name)?.[1] ?? ""),
  );
