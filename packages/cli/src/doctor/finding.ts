/** `skip`: it could not be looked at, and `detail` says why. */
export type FindingState = "ok" | "warn" | "fail" | "skip";

/** What one look at an installation found. */
export interface Finding {
  /** The check that found it, such as `redis`. */
  readonly check: string;
  /** What was looked at, such as an address or a file. */
  readonly subject: string;
  readonly state: FindingState;
  /** What is so. For `warn` and `fail`, it says what is wrong and what follows from it. */
  readonly detail: string;
  /** How to mend it. Only `warn` and `fail` have it. */
  readonly mend?: string;
}

/** A finding of a check, which is named when the check has run. */
export type Found = Omit<Finding, "check">;

export const ok = (subject: string, detail: string): Found => ({ subject, state: "ok", detail });
export const skip = (subject: string, detail: string): Found => ({ subject, state: "skip", detail });
export const warn = (subject: string, detail: string, mend: string): Found => ({
  subject,
  state: "warn",
  detail,
  mend,
});
export const fail = (subject: string, detail: string, mend: string): Found => ({
  subject,
  state: "fail",
  detail,
  mend,
});
