import { type ErrorCategory, type FailureTraits, type RunFailure, runFailure } from "./failure.js";

/** What is known of a run that did not end well. `W` names the engine's own words for what went wrong. */
export interface Symptoms<W extends string = string> {
  /** The engine said how the run ended. */
  readonly finished: boolean;
  /** It wrote text or used a tool. */
  readonly worked: boolean;
  readonly words: Words<W>;
  /** HTTP status of the provider's answer, where that was the error. */
  readonly status: number | undefined;
  /** What the engine itself says of its failure; never an answer, which may quote any error's text. */
  readonly text: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
}

export type Words<W extends string> = { readonly [K in W]?: string | undefined };

/**
 * One line of an engine's table. Every condition given has to hold. Patterns see the beginning and the end of a long text; they take time in
 * proportion to it: `slowPatterns` of the conformance suite finds those that do not.
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
  /** For people; `{status}` is filled in. */
  readonly message: string;
}

/** How a run can end without a word of the engine about it: the end of every engine's table. */
export const ENDINGS: readonly Rule<never>[] = [
  // Also what SIGINT makes of some engines: the exit code alone proves nothing.
  {
    when: { finished: false, exitCode: 0, worked: false },
    category: "NO_WORK_DONE",
    message: "the engine ended without doing anything",
  },
  { when: { finished: false }, category: "ENGINE_CRASH", message: "the engine ended without a result" },
];

const UNKNOWN = runFailure("UNKNOWN_ERROR", "the engine reported an error that is not known here");

/** Says what kind of failure it was: the first rule that holds counts. Only for runs that failed. */
export function classify<W extends string>(rules: readonly Rule<W>[], symptoms: Symptoms<W>): RunFailure {
  const { text, stderr } = symptoms;
  const shown = { ...symptoms, text: endsOf(text), stderr: endsOf(stderr) };
  const rule = rules.find(({ when }) => holds(when, shown));
  if (rule === undefined) return UNKNOWN;
  const { when: _when, category, message, ...differs } = rule;
  return runFailure(category, message.replace("{status}", String(symptoms.status)), differs);
}

/** No pattern is held against more of a text, in UTF-16 units: an engine's words may be megabytes, and a pattern slow. */
const MOST_TEXT = 8_192;

/** The beginning and the end of a long text, which have what went wrong and what came of it. */
const endsOf = (text: string): string =>
  text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT / 2)}\n…\n${text.slice(-MOST_TEXT / 2)}`;

/** The category of a failed request by its status alone, for notices of retries. */
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
