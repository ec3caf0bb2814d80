import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { type AttachmentInput, PERMISSION_MODES, type TaskInput } from "@ccsp/client";
import { CATEGORY_NAMES } from "@ccsp/errors";
import { type Command, Option } from "commander";
import { CliError, EXIT } from "./exit.js";
import type { Io } from "./io.js";
import { durationMs, label, number, oneOf, someText, texts, timeAhead, wholeNumber } from "./option-values.js";
import { CLASS_NAMES } from "./priority.js";

type Given<T> = { readonly [K in keyof T & string]-?: NonNullable<T[K]> };
type Task = Given<TaskInput>;
type Part = "limits" | "retry" | "affinity" | "cache" | "conversation";
type PartField = { [P in Part]: `${P}.${keyof Given<Task[P]>}` }[Part];
type ValueOf<F> = F extends keyof Task
  ? Task[F]
  : F extends `${infer P extends Part}.${infer K}`
    ? Given<Task[P]>[K & keyof Given<Task[P]>]
    : never;

/** How the text of an option is read, or the list of allowed words. */
type Read<T> = ((value: string, before?: T) => T) | ([T] extends [string] ? readonly T[] : never);

/** An option, and the field of the task that it sets. */
interface TaskOption {
  readonly option: Option;
  readonly field: string;
}

/**
 * Without `read`, the value is the text of the option. For an option without text, the value is true: this sets a part
 * of the task in which no field is set.
 */
function sets<F extends keyof Task | PartField>(
  field: F,
  flags: string,
  help: string,
  read?: Read<ValueOf<F>>,
): TaskOption {
  const option = new Option(flags, help);
  if (typeof read === "function") option.argParser(read);
  else if (read) option.choices(read);
  return { option, field };
}

/** Options for the time when the task may start. */
const START: readonly TaskOption[] = [
  sets(
    "startTime",
    "--start-time <time>",
    "start it not before this time: 2026-01-31T09:00Z, or in how long, such as 2h",
    timeAhead,
  ),
  sets(
    "startDeadline",
    "--start-deadline <time>",
    "the task expires if no run of it starts before this time",
    timeAhead,
  ),
];

/** Means a new conversation. No conversation has this id. */
const NEW = "new";

/** Options for what to run and how. */
const SPEC: readonly TaskOption[] = [
  sets("engine", "--engine <name>", "engine to run it (default: the installation's)"),
  sets("priority", "--priority <class>", "class of the task", CLASS_NAMES),
  sets("model", "--model <name>", "model, by its name in the engine"),
  sets("systemPrompt", "--system-prompt <text>", "added to the engine's system prompt"),
  sets(
    "availableTools",
    "--available-tool <name>",
    "built-in tool that the engine has, may be repeated (default: its own set)",
    texts,
  ),
  sets(
    "allowedTools",
    "--allowed-tool <tool>",
    "tool it may use without asking, may be repeated: `Bash(git log:*)`",
    texts,
  ),
  sets("deniedTools", "--denied-tool <tool>", "tool it must not use, may be repeated", texts),
  sets("permissionMode", "--permission-mode <mode>", "what it may do without asking", PERMISSION_MODES),
  sets("labels", "--label <key=value>", "label, may be repeated", label),
  sets("limits.wallTimeMs", "--timeout <time>", "most time for one run, such as 90s or 10m", durationMs),
  sets("limits.turns", "--turns <number>", "most model turns of one run", wholeNumber()),
  sets("limits.budgetUsd", "--budget <usd>", "most money for one run", number),
  sets("maxAttempts", "--max-attempts <number>", "runs that may start before a failure is final", wholeNumber()),
  sets(
    "retry.firstBackoffMs",
    "--first-backoff <time>",
    "wait after the first failed run; doubles with each",
    durationMs,
  ),
  sets("retry.maxBackoffMs", "--max-backoff <time>", "longest wait after a failed run", durationMs),
  sets(
    "retry.neverOn",
    "--never-on <category>",
    `no further run after a failure of this category, may be repeated: ${CATEGORY_NAMES.join(", ")}`,
    oneOf(CATEGORY_NAMES),
  ),
  sets("affinity.executorId", "--executor <id>", "the executor that must run it (default: any)", someText),
  sets(
    "affinity.fallbackAfterMs",
    "--fallback-after <time>",
    "time after which any executor may run it (default: never)",
    durationMs,
  ),
  sets("cache", "--cache", "use an answer from the result cache if it has one, else store the new answer in it"),
  sets("cache.maxAgeMs", "--cache-max-age <time>", "the same, with answers up to this age", durationMs),
  sets(
    "conversation.id",
    "--conversation <id>",
    `continue a conversation that \`ccsp get\` names; \`${NEW}\` begins one`,
    someText,
  ),
  sets("conversation.fork", "--fork", "leave that conversation as it is: the result names a new one"),
];

/** The options about the task that `run`, `submit`, `estimate` and `schedule put` got. */
export interface TaskOptions {
  readonly [option: string]: unknown;
  readonly attach?: readonly string[];
  readonly requestId?: string;
}

/** Adds the options of a task that is submitted. */
export function withTask(command: Command): Command {
  return withStart(withSpec(command)).option("--request-id <id>", "makes the submission safe to repeat for 24 hours");
}

/** Adds the options of a task that no schedule makes. */
export function withStart(command: Command): Command {
  for (const { option } of START) command.addOption(option);
  return command;
}

export function withSpec(command: Command): Command {
  for (const { option } of SPEC) command.addOption(option);
  return command.option("--attach <path>", "file to give with the prompt, may be repeated", texts);
}

/** The prompt as given. For `-`, the prompt is read from standard input. */
export async function taskInput(io: Io, prompt: string, options: TaskOptions): Promise<TaskInput> {
  const { affinity, conversation, ...input } = fieldsOf(options);
  if (affinity?.fallbackAfterMs !== undefined && affinity.executorId === undefined) {
    throw new CliError(EXIT.usage, "--fallback-after needs --executor");
  }
  const begins = conversation?.id === NEW;
  if (conversation?.fork && (begins || conversation.id === undefined)) {
    throw new CliError(EXIT.usage, "--fork needs the --conversation to continue");
  }
  return {
    ...input,
    ...(affinity && { affinity }),
    ...(conversation && { conversation: begins ? {} : conversation }),
    ...(options.attach && { attachments: await Promise.all(options.attach.map(readAttachment)) }),
    prompt: prompt === "-" ? await text(io.stdin) : prompt,
  };
}

function fieldsOf(options: TaskOptions): Partial<TaskInput> {
  const fields: Record<string, unknown> = {};
  for (const { option, field } of [...START, ...SPEC]) {
    const value = options[option.attributeName()];
    if (value === undefined) continue;
    const [name = "", own] = field.split(".");
    if (own === undefined && value !== true) fields[name] = value;
    else fields[name] = { ...Object(fields[name]), ...(own !== undefined && { [own]: value }) };
  }
  return fields;
}

async function readAttachment(path: string): Promise<AttachmentInput> {
  try {
    return { name: basename(path), content: await readFile(path) };
  } catch (error) {
    throw new CliError(EXIT.usage, `--attach: ${error instanceof Error ? error.message : String(error)}`);
  }
}
