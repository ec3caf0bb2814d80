import { type CategoryName, categoryNameOf } from "@ccsp/errors";
import { type ErrorCategory, Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { wordOf as find, wordsOf } from "@ccsp/protos/words.js";

export type PriorityName = "urgent" | "high" | "normal" | "low";

/**
 * Actions that the engine may do without asking. The policy of the operator says which of these modes an agent may use.
 * `manual` is another name for `default`. `acceptEdits` is the spelling of `accept-edits` in releases up to 0.2.0; the
 * next release will not accept it.
 */
export type PermissionModeName = "plan" | "default" | "manual" | "accept-edits" | "acceptEdits" | "skip";

/** The names of the permission modes, without the old spelling. */
export const PERMISSION_MODES: readonly PermissionModeName[] = ["plan", "default", "manual", "accept-edits", "skip"];

export const PRIORITIES: Readonly<Record<PriorityName, Priority>> = wordsOf(Priority);

/**
 * The word for the value of an enum. `unknown`: the value is newer than this client, or the gateway does not know it
 * either.
 */
export const wordOf = <W extends string>(words: Readonly<Record<W, number>>, value: number): W | "unknown" =>
  find(words, value) ?? "unknown";

/** The same for an enum whose values go by their names in the API, such as `QUEUED`. */
export const nameOf = <N extends string>(names: Readonly<Record<N, number>>, value: number): N | "UNKNOWN" =>
  find(names, value) ?? "UNKNOWN";

/** Name of a category, such as `RATE_LIMIT`. For a category that is newer than this client, `UNKNOWN_ERROR`. */
export const categoryName = (category: ErrorCategory): CategoryName => categoryNameOf(category) ?? "UNKNOWN_ERROR";
