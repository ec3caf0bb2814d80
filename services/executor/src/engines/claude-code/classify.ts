import type { RunFailure } from "@ccsp/engine-kit";
import { RULES, type Rule, type Symptoms, UNKNOWN } from "./rules.js";

/** Says what kind of failure it was. Only for runs that failed: an answer may quote any error's text. */
export function classify(symptoms: Symptoms): RunFailure {
  const { category, message, retryable, source } = RULES.find((rule) => holds(rule, symptoms)) ?? UNKNOWN;
  return { category, message: message.replace("{status}", String(symptoms.status)), retryable, source };
}

function holds({ when }: Rule, symptoms: Symptoms): boolean {
  return (
    (when.hasResult === undefined || when.hasResult === symptoms.hasResult) &&
    (when.subtype === undefined || when.subtype === symptoms.subtype) &&
    (when.terminalReason === undefined || when.terminalReason === symptoms.terminalReason) &&
    (when.errorWord === undefined || when.errorWord.includes(symptoms.errorWord ?? "")) &&
    (when.windowClosed === undefined || symptoms.windowClosed) &&
    (when.status === undefined || when.status.includes(symptoms.status ?? 0)) &&
    (when.text === undefined || when.text.test(symptoms.text)) &&
    (when.stderr === undefined || when.stderr.test(symptoms.stderr)) &&
    (when.exitCode === undefined || when.exitCode === symptoms.exitCode) &&
    (when.worked === undefined || when.worked === symptoms.worked)
  );
}
