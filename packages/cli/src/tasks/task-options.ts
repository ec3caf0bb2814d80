import { resolve } from "node:path";
import type { TaskInput } from "@ccsp/client";
import { PERMISSION_MODES } from "@ccsp/client/plain";
import { CATEGORY_NAMES } from "@ccsp/errors";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { withPromptFile } from "../input/prompt.js";
import { durationMs, label, number, oneOf, someText, timeAhead, wholeNumber } from "../options/option-values.js";
import { CLASS_NAMES } from "../options/priority.js";
import type { Format } from "../output/format.js";
import { toolNames, tools } from "./tool-list.js";

type Given<T> = { readonly [K in keyof T & string]-?: NonNullable<T[K]> };
type Task = Given<TaskInput>;
type Part = "limits" | "retry" | "affinity" | "cache" | "conversation";
type PartField = { [P in Part]: `${P}.${keyof Given<Task[P]>}` }[Part];
/** A field that one option sets. The prompt and the attachments are read from elsewhere. */
export type TaskField = Exclude<keyof Task, Exclude<Part, "cache"> | "prompt" | "attachments"> | PartField;
type ValueOf<F extends TaskField> = F extends keyof Task
  ? Task[F]
  : F extends `${infer P extends Part}.${infer K}`
    ? Given<Task[P]>[K & keyof Given<Task[P]>]
    : never;

/** How the text of an option is read, or the list of allowed words. */
type Read<T> = ((value: string, before?: T) => T) | ([T] extends [string] ? readonly T[] : never);

/** The options of one field. The first is the one that help shows. */
type Options<F extends TaskField> = readonly [Option, ...Option[]] & { readonly field?: F };

/**
 * Without `read`, the value is the text of the option. For an option without text, the value is true: this sets a part
 * of the task in which no field is set. `old` is a name that is accepted for one more release.
 */
function sets<F extends TaskField>(flags: string, help: string, read?: Read<ValueOf<F>>, old?: string): Options<F> {
  const make = (written: string): Option => {
    const option = new Option(written, help);
    if (typeof read === "function") option.argParser(read);
    else if (read) option.choices(read);
    return option;
  };
  return old === undefined ? [make(flags)] : [make(flags), make(old).hideHelp()];
}

type Group = { readonly [F in TaskField]?: Options<F> };

const path = (value: string): string => resolve(someText(value));
const paths = (value: string, before: readonly string[] = []): readonly string[] => [...before, path(value)];
const someTexts = (value: string, before: readonly string[] = []): readonly string[] => [...before, someText(value)];

function money(value: string): number {
  const usd = number(value);
  if (usd > 0) return usd;
  throw new InvalidArgumentError("Write it as an amount in US dollars, such as 0.50.");
}

function timeLimit(value: string): number {
  const ms = durationMs(value);
  if (ms > 0) return ms;
  throw new InvalidArgumentError("It is 0: leave the option out for the default.");
}

const INPUT = {
  includeFiles: sets(
    "--include <path>",
    "file of the executor's host that the engine may read, may be repeated",
    paths,
  ),
  workingFolder: sets(
    "--working-folder <path>",
    "folder of the executor's host to work in (default: an empty one)",
    path,
  ),
  systemPrompt: sets("--system-prompt <text>", "added to the engine's system prompt"),
  "conversation.id": sets(
    "--conversation <id>",
    "continue a conversation that `ccsp get` names; `new` begins one",
    someText,
  ),
  "conversation.fork": sets("--fork", "leave that conversation as it is: the result names a new one"),
} satisfies Group;

const ENGINE = {
  engine: sets("--engine <name>", "engine to run it (default: the installation's)"),
  model: sets("--model <name>", "model, by its name in the engine"),
  fallbackModels: sets(
    "--fallback-model <name>",
    "model to use when that one is overloaded, may be repeated",
    someTexts,
  ),
  availableTools: sets(
    "--tools <name,...>",
    "the only built-in tools that it has, may be repeated (default: its own set)",
    toolNames,
    "--available-tool <name>",
  ),
  allowedTools: sets(
    "--allow-tools <tool,...>",
    "tools that it may use without asking, may be repeated: Edit,Bash(git log:*)",
    tools,
    "--allowed-tool <tool>",
  ),
  deniedTools: sets(
    "--deny-tools <tool,...>",
    "tools that it must not use, may be repeated",
    tools,
    "--denied-tool <tool>",
  ),
  permissionMode: sets("--permission-mode <mode>", "what it may do without asking", PERMISSION_MODES),
} satisfies Group;

const LIMITS = {
  "limits.wallTimeMs": sets("--timeout <time>", "most time for one run, such as 90s or 10m", timeLimit),
  "limits.turns": sets("--turns <number>", "most model turns of one run", wholeNumber(1)),
  "limits.budgetUsd": sets("--budget <usd>", "most money for one run, such as 0.50", money),
  "limits.outputBytes": sets("--output-bytes <number>", "most bytes that one run may write", wholeNumber(1)),
} satisfies Group;

/** When the task may start. A schedule sets this itself. */
const START = {
  startTime: sets(
    "--start-time <time>",
    "start it not before this time: 2026-01-31T09:00Z, or in how long, such as 2h",
    timeAhead,
  ),
  startDeadline: sets("--start-deadline <time>", "the task expires if no run of it starts before this time", timeAhead),
} satisfies Group;

const PLACE = {
  priority: sets("--priority <class>", "class of the task", CLASS_NAMES),
  "affinity.executorId": sets("--executor <id>", "the executor that must run it (default: any)", someText),
  "affinity.fallbackAfterMs": sets(
    "--fallback-after <time>",
    "time after which any executor may run it (default: never)",
    durationMs,
  ),
  cache: sets("--cache", "use an answer from the result cache if it has one, else store the new answer in it"),
  "cache.maxAgeMs": sets("--cache-max-age <time>", "the same, with answers up to this age", durationMs),
  labels: sets("--label <key=value>", "label, may be repeated", label),
} satisfies Group;

const RETRIES = {
  maxAttempts: sets("--max-attempts <number>", "runs that may start before a failure is final", wholeNumber()),
  "retry.firstBackoffMs": sets(
    "--first-backoff <time>",
    "wait after the first failed run; doubles with each",
    durationMs,
  ),
  "retry.maxBackoffMs": sets("--max-backoff <time>", "longest wait after a failed run", durationMs),
  "retry.neverOn": sets(
    "--never-on <category>",
    `no further run after a failure of this category, several with commas: ${CATEGORY_NAMES.join(", ")}`,
    oneOf(CATEGORY_NAMES),
  ),
} satisfies Group;

/** The options of each field of a task. It does not compile when a field has none. */
export const TASK_OPTIONS: { readonly [F in TaskField]: Options<F> } = {
  ...INPUT,
  ...ENGINE,
  ...LIMITS,
  ...START,
  ...PLACE,
  ...RETRIES,
};

/** The options about the task that `run`, `submit`, `estimate` and `schedule put` got. */
export interface TaskOptions extends ConnectionOptions {
  readonly [option: string]: unknown;
  readonly promptFile?: string;
  readonly attach?: readonly string[];
  readonly requestId?: string;
}

interface Offered {
  /** False for the tasks of a schedule. */
  readonly start: boolean;
  /** Whether a task is stored, so that a repeated call must not store a second one. */
  readonly submits: boolean;
  /** What the command can show (see `withOutput`). */
  readonly formats?: readonly Format[];
}

/** Adds the options of a task and of the connection, in groups that help shows apart. */
export function withTask(command: Command, { start, submits, formats }: Offered): Command {
  const add = (heading: string, ...groups: readonly Group[]) => {
    command.optionsGroup(heading);
    for (const option of groups.flatMap((group) => Object.values(group).flat())) command.addOption(option);
  };
  withPromptFile(command.optionsGroup("Prompt and files:"));
  command.option("--attach <path>", "file of yours to give with the prompt, may be repeated", someTexts);
  add("Prompt and files:", INPUT);
  add("What the engine may do:", ENGINE);
  add("Limits:", LIMITS);
  add("When and where:", ...(start ? [START] : []), PLACE);
  add("Retries:", RETRIES);
  if (submits) command.option("--request-id <id>", "makes the submission safe to repeat for 24 hours");
  // Declared here so that it stands in this group.
  return withConnection(
    command.optionsGroup("Connection and output:").helpOption("-h, --help", "show this help"),
    formats,
  );
}
