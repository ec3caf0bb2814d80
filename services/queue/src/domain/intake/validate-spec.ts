import { isVisible, VISIBLE_RULE } from "@ccsp/errors";
import { MOST_OUTPUT_BYTES } from "@ccsp/protos/bounds.js";
import type { Faults } from "../fields/faults.js";
import { isExecutorId, isLabelKey, isLabelValue, LABEL_KEY_RULE, LABEL_VALUE_RULE } from "../fields/ids.js";
import { CLASSES } from "../task/task.js";

/** The parts of a spec that are checked. The message of the contract has this shape. */
export interface SpecInput {
  readonly prompt: string;
  readonly engine: string;
  /** 0 is the default. From 1 on, these are the classes in their order. */
  readonly priority: number;
  readonly model: string;
  readonly systemPrompt: string;
  readonly limits: LimitsInput | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly maxAttempts: number;
  readonly startTime: Date | undefined;
  readonly startDeadline: Date | undefined;
  readonly retry: RetryInput | undefined;
  readonly affinity: { readonly executorId: string; readonly fallbackAfter: DurationInput | undefined } | undefined;
  readonly cache: { readonly maxAge: DurationInput | undefined } | undefined;
  readonly fallbackModels: readonly string[];
  readonly conversation: { readonly id: string; readonly fork: boolean } | undefined;
  readonly attachments: readonly { readonly name: string; readonly content: Uint8Array }[];
  readonly includeFiles: readonly string[];
  readonly workingFolder: string;
  readonly availableTools: readonly string[];
  readonly allowedTools: readonly string[];
  readonly deniedTools: readonly string[];
  readonly permissionMode: number;
}

export interface DurationInput {
  readonly seconds: bigint;
  readonly nanos: number;
}

export interface LimitsInput {
  readonly wallTime: DurationInput | undefined;
  readonly outputBytes?: bigint | undefined;
  readonly turns?: number | undefined;
  readonly budgetUsd?: number | undefined;
}

export interface RetryInput {
  readonly firstBackoff: DurationInput | undefined;
  readonly maxBackoff: DurationInput | undefined;
  readonly neverOn: readonly number[];
}

const SECOND = 1_000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const MAX_ATTEMPTS = 10;
const MAX_SYSTEM_PROMPT_BYTES = 64 * 1024;
const MAX_LABELS = 32;
const MAX_MODEL = 128;
const MAX_ATTACHMENTS = 32;
const MAX_INCLUDED = 64;
const MAX_ATTACHMENT_BYTES = 4 * 1024 * 1024;
const MAX_PATH_BYTES = 4096;
// More than the number of categories.
const MAX_NEVER_ON = 64;
const PERMISSION_MODES = 4;

/**
 * Checks each field as task.proto says. `nowMs` is only used for the bound that a start time is at most a year ahead.
 */
export function checkSpec(
  spec: SpecInput,
  { maxPromptBytes, nowMs }: { readonly maxPromptBytes: number; readonly nowMs: number },
  faults: Faults,
): void {
  const promptBytes = Buffer.byteLength(spec.prompt);
  faults.unless(promptBytes > 0, "spec.prompt", "is empty");
  checkSize(promptBytes, maxPromptBytes, "spec.prompt", faults);
  checkSize(Buffer.byteLength(spec.systemPrompt), MAX_SYSTEM_PROMPT_BYTES, "spec.system_prompt", faults);
  faults.unless(spec.engine.length <= 63, "spec.engine", "is longer than 63 characters");
  faults.unless(isIntegerIn(spec.priority, 0, CLASSES.length), "spec.priority", "is not a known priority");
  faults.unless(lengthOf(spec.model) <= MAX_MODEL, "spec.model", `is longer than ${MAX_MODEL} characters`);
  faults.unless(isVisible(spec.model), "spec.model", VISIBLE_RULE);
  checkTexts(spec.fallbackModels, { field: "spec.fallback_models", count: 8, length: MAX_MODEL }, faults);
  faults.unless(isIntegerIn(spec.maxAttempts, 0, MAX_ATTEMPTS), "spec.max_attempts", `must be 0 to ${MAX_ATTEMPTS}`);
  checkLabels(spec.labels, faults);
  if (spec.limits) checkLimits(spec.limits, faults);
  checkTimes(spec, nowMs, faults);
  if (spec.retry) checkRetry(spec.retry, faults);
  if (spec.affinity) checkAffinity(spec.affinity, faults);
  const { maxAge } = spec.cache ?? {};
  faults.unless(!maxAge || msOf(maxAge) >= 0, "spec.cache.max_age", "is negative");
  if (spec.conversation) checkConversation(spec.conversation, faults);
  checkFiles(spec, faults);
  checkTexts(spec.availableTools, { field: "spec.available_tools", count: 64, length: 256 }, faults);
  checkTexts(spec.allowedTools, { field: "spec.allowed_tools", count: 64, length: 256 }, faults);
  checkTexts(spec.deniedTools, { field: "spec.denied_tools", count: 64, length: 256 }, faults);
  const mode = isIntegerIn(spec.permissionMode, 0, PERMISSION_MODES);
  faults.unless(mode, "spec.permission_mode", "is not a known mode");
}

function checkLabels(labels: Readonly<Record<string, string>>, faults: Faults): void {
  const entries = Object.entries(labels);
  faults.unless(entries.length <= MAX_LABELS, "spec.labels", `has ${entries.length} labels, at most ${MAX_LABELS}`);
  // Only as many entries as allowed are checked. A request can have millions, and each fault takes memory.
  for (const [key, value] of entries.slice(0, MAX_LABELS)) {
    // A wrong key can have any length, so only its beginning is repeated.
    const field = `spec.labels[${key.slice(0, 63)}]`;
    faults.unless(isLabelKey(key), field, LABEL_KEY_RULE);
    faults.unless(isLabelValue(value), field, LABEL_VALUE_RULE);
  }
}

function checkLimits({ wallTime, outputBytes, turns, budgetUsd }: LimitsInput, faults: Faults): void {
  const time = !wallTime || (isBetween(wallTime, 0, DAY) && msOf(wallTime) > 0);
  faults.unless(time, "spec.limits.wall_time", `must be more than 0 and at most 24 h; ${NO_LIMIT}`);
  const output = outputBytes === undefined || (outputBytes > 0n && outputBytes <= MOST_OUTPUT_BYTES);
  faults.unless(output, "spec.limits.output_bytes", `must be 1 byte to ${MOST_OUTPUT_BYTES} (11 MiB); ${NO_LIMIT}`);
  faults.unless(turns === undefined || turns > 0, "spec.limits.turns", `must be at least 1; ${NO_LIMIT}`);
  const budget = budgetUsd === undefined || (Number.isFinite(budgetUsd) && budgetUsd > 0);
  faults.unless(budget, "spec.limits.budget_usd", `must be a number above 0; ${NO_LIMIT}`);
}
/** 0 is refused. An agent whose money is used up would pass it and get a run without a bound. */
const NO_LIMIT = "leave it out for the default of the installation";

// The range of google.protobuf.Timestamp. Clients in other languages cannot read an answer with a time outside it.
const FIRST_TIME = Date.parse("0001-01-01T00:00:00Z");
const LAST_TIME = Date.parse("9999-12-31T23:59:59.999Z");
const NO_TIME = "must be in the years 1 to 9999";

function checkTimes({ startTime, startDeadline }: SpecInput, nowMs: number, faults: Faults): void {
  // A time in the past is not a fault, because a repeated call must get the same answer as the first call.
  const start = startTime?.getTime() ?? 0;
  faults.unless(start >= FIRST_TIME, "spec.start_time", NO_TIME);
  faults.unless(start <= nowMs + 366 * DAY, "spec.start_time", "must be at most a year ahead");
  if (!startDeadline) return;
  const deadline = startDeadline.getTime();
  faults.unless(deadline <= LAST_TIME, "spec.start_deadline", NO_TIME);
  faults.unless(deadline > start, "spec.start_deadline", startTime ? "must be after start_time" : "is not a time");
}

function checkRetry({ firstBackoff, maxBackoff, neverOn }: RetryInput, faults: Faults): void {
  const first = firstBackoff ? msOf(firstBackoff) : 0;
  faults.unless(
    !firstBackoff || isBetween(firstBackoff, 100, HOUR),
    "spec.retry.first_backoff",
    "must be 100 ms to 1 h",
  );
  faults.unless(
    !maxBackoff || isBetween(maxBackoff, Math.max(first, 1), DAY),
    "spec.retry.max_backoff",
    "must be first_backoff to 24 h",
  );
  const known = neverOn.length <= MAX_NEVER_ON && neverOn.every((category) => category > 0);
  faults.unless(known, "spec.retry.never_on", "names no category");
}

function checkAffinity({ executorId, fallbackAfter }: NonNullable<SpecInput["affinity"]>, faults: Faults): void {
  faults.unless(isExecutorId(executorId), "spec.affinity.executor_id", "must be 1 to 128 of A-Z a-z 0-9 . _ -");
  const fallback = !fallbackAfter || isBetween(fallbackAfter, 0, DAY);
  faults.unless(fallback, "spec.affinity.fallback_after", "must be 0 to 24 h");
}

function checkConversation({ id, fork }: NonNullable<SpecInput["conversation"]>, faults: Faults): void {
  // The form of an id is not checked here: an unknown id is a conversation that is not found.
  faults.unless(id.length <= 128, "spec.conversation.id", "is longer than 128 characters");
  faults.unless(isVisible(id), "spec.conversation.id", VISIBLE_RULE);
  faults.unless(!fork || id !== "", "spec.conversation.fork", "needs the conversation to fork from");
}

function checkFiles({ attachments, includeFiles, workingFolder }: SpecInput, faults: Faults): void {
  const most = MAX_ATTACHMENTS;
  faults.unless(attachments.length <= most, "spec.attachments", `has ${attachments.length} files, at most ${most}`);
  const bytes = attachments.reduce((sum, { content }) => sum + content.byteLength, 0);
  checkSize(bytes, MAX_ATTACHMENT_BYTES, "spec.attachments", faults);
  const names = new Set<string>();
  for (const [i, { name }] of attachments.slice(0, most).entries()) {
    const field = `spec.attachments[${i}].name`;
    faults.unless(
      /^(?!\.)[A-Za-z0-9._-]{1,255}$/.test(name),
      field,
      "must be 1 to 255 of A-Z a-z 0-9 . _ -, no dot first",
    );
    faults.unless(!names.has(name), field, "is used twice");
    names.add(name);
  }
  const paths = includeFiles.length;
  faults.unless(paths <= MAX_INCLUDED, "spec.include_files", `has ${paths} paths, at most ${MAX_INCLUDED}`);
  for (const [i, path] of includeFiles.slice(0, MAX_INCLUDED).entries()) {
    faults.unless(isAbsolutePath(path), `spec.include_files[${i}]`, PATH_RULE);
  }
  const folder = workingFolder === "" || isAbsolutePath(workingFolder);
  faults.unless(folder, "spec.working_folder", PATH_RULE);
}

function checkTexts(
  texts: readonly string[],
  { field, count, length }: { field: string; count: number; length: number },
  faults: Faults,
): void {
  faults.unless(texts.length <= count, field, `has ${texts.length} entries, at most ${count}`);
  for (const [i, text] of texts.slice(0, count).entries()) {
    const fits = text !== "" && lengthOf(text) <= length;
    faults.unless(fits, `${field}[${i}]`, `must be 1 to ${length} characters`);
    faults.unless(isVisible(text), `${field}[${i}]`, VISIBLE_RULE);
  }
}

function checkSize(bytes: number, most: number, field: string, faults: Faults): void {
  faults.unless(bytes <= most, field, `has ${bytes} bytes, at most ${most}`);
}

const msOf = ({ seconds, nanos }: DurationInput): number => Number(seconds) * 1000 + nanos / 1e6;

function isBetween(duration: DurationInput, minMs: number, maxMs: number): boolean {
  const ms = msOf(duration);
  return duration.seconds >= 0n && duration.nanos >= 0 && ms >= minMs && ms <= maxMs;
}

// Characters are counted only in texts above 64 code units, which saves time: shorter texts are far below every bound.
const lengthOf = (text: string): number => (text.length <= 64 ? text.length : Array.from(text).length);

const isAbsolutePath = (path: string): boolean =>
  path.startsWith("/") && isVisible(path) && Buffer.byteLength(path) <= MAX_PATH_BYTES;
const PATH_RULE = "must be an absolute path, with visible characters only";

const isIntegerIn = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max;
