import { CATEGORY_NAMES } from "@ccsp/errors";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { anything, date, faultsOf, flag, int32, listOf, oneOf, refuse, text, texts } from "./fields.js";
import { PRIORITIES } from "./words.js";

/** What each call takes. `CallSettings` has the same names. */
const CALL = { signal: anything, traceparent: text };
const CATEGORIES = Object.fromEntries(CATEGORY_NAMES.map((name) => [name, ErrorCategory[name]]));

/** A misspelt name or a wrong word would otherwise select everything, or be left out without a sign. */
const checkOf =
  (whole: string, fields: Parameters<typeof faultsOf>[1]) =>
  (settings: object): void =>
    refuse(whole, faultsOf(settings, fields, "", whole));

export const checkSubmitSettings = checkOf("the settings of a submission", { ...CALL, requestId: text });

export const checkListSettings = (states: Readonly<Record<string, unknown>>) =>
  checkOf("the settings of a list", {
    ...CALL,
    states: listOf(oneOf(states)),
    pageSize: int32,
    engine: text,
    priorities: listOf(oneOf(PRIORITIES)),
    labels: texts,
    createdAfter: date,
    createdBefore: date,
    errorCategories: listOf(oneOf(CATEGORIES)),
  });

export const checkSchedule = (missedRuns: Readonly<Record<string, unknown>>) =>
  checkOf("a schedule", {
    name: text,
    cron: text,
    timeZone: text,
    task: anything,
    missedRuns: oneOf(missedRuns),
    paused: flag,
  });
