import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import type { AttachmentInput, CategoryName, TaskInput } from "@ccsp/client";
import { CATEGORY_NAMES } from "@ccsp/errors";
import { type Command, Option } from "commander";
import { CliError, EXIT } from "./exit.js";
import type { Io } from "./io.js";
import { durationMs, label, number, oneOf, someText, texts, timeAhead, wholeNumber } from "./option-values.js";
import { CLASS_NAMES } from "./priority.js";

/** What `run`, `submit`, `estimate` and `schedule put` accept about the task. */
export interface TaskOptions {
  readonly engine?: string;
  readonly priority?: TaskInput["priority"];
  readonly model?: string;
  readonly systemPrompt?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly turns?: number;
  readonly budget?: number;
  readonly maxAttempts?: number;
  readonly firstBackoff?: number;
  readonly maxBackoff?: number;
  readonly neverOn?: readonly CategoryName[];
  readonly executor?: string;
  readonly fallbackAfter?: number;
  readonly cache?: true;
  readonly cacheMaxAge?: number;
  readonly conversation?: string;
  readonly fork?: true;
  readonly attach?: readonly string[];
  readonly availableTool?: readonly string[];
  readonly allowedTool?: readonly string[];
  readonly deniedTool?: readonly string[];
  readonly startTime?: Date;
  readonly startDeadline?: Date;
  readonly requestId?: string;
}

/** Of a task that is submitted. */
export function withTask(command: Command): Command {
  return withStart(withSpec(command)).option("--request-id <id>", "makes the submission safe to repeat for 24 hours");
}

/** When it may start, of a task that no schedule makes. */
export function withStart(command: Command): Command {
  return command
    .option("--start-time <time>", "not before then: 2026-01-31T09:00Z, or in how long, such as 2h", timeAhead)
    .option("--start-deadline <time>", "the task expires when no run of it has started by then", timeAhead);
}

/** What to run, and how. */
export function withSpec(command: Command): Command {
  return command
    .option("--engine <name>", "engine to run it (default: the installation's)")
    .addOption(new Option("--priority <class>", "class of the task").choices(CLASS_NAMES))
    .option("--model <name>", "model, in the engine's own words")
    .option("--system-prompt <text>", "added to the engine's system prompt")
    .option("--attach <path>", "file to give with the prompt, may be repeated", texts)
    .option(
      "--available-tool <name>",
      "built-in tool that the engine has at all, may be repeated (default: its own)",
      texts,
    )
    .option("--allowed-tool <tool>", "tool it may use without asking, may be repeated: `Bash(git log:*)`", texts)
    .option("--denied-tool <tool>", "tool it must not use, may be repeated", texts)
    .option("--label <key=value>", "label, may be repeated", label)
    .option("--timeout <time>", "most time for one run, such as 90s or 10m", durationMs)
    .option("--turns <number>", "most model turns of one run", wholeNumber())
    .option("--budget <usd>", "most money for one run", number)
    .option("--max-attempts <number>", "runs that may start before a failure is final", wholeNumber())
    .option("--first-backoff <time>", "wait after the first failed run; doubles with each", durationMs)
    .option("--max-backoff <time>", "longest wait after a failed run", durationMs)
    .addOption(
      new Option(
        "--never-on <category>",
        `no further run after this, may be repeated: ${CATEGORY_NAMES.join(", ")}`,
      ).argParser(oneOf(CATEGORY_NAMES)),
    )
    .option("--executor <id>", "the executor that is to run it (default: any)", someText)
    .option("--fallback-after <time>", "after which any executor may have it (default: never)", durationMs)
    .option("--cache", "take an answer from the result cache if it has one, and give it this one")
    .option("--cache-max-age <time>", "the same, for answers that are no older", durationMs)
    .option("--conversation <id>", "go on with a conversation that `ccsp get` names; `new` begins one", someText)
    .option("--fork", "leave that conversation as it is: the result names a new one");
}

/** The prompt as given, or standard input for `-`. */
export async function taskInput(io: Io, prompt: string, options: TaskOptions): Promise<TaskInput> {
  const { engine, priority, model, systemPrompt, label: labels, maxAttempts, startTime, startDeadline } = options;
  const { timeout, turns, budget, firstBackoff, maxBackoff, neverOn, attach } = options;
  const { availableTool, allowedTool, deniedTool } = options;
  const limits = {
    ...(timeout !== undefined && { wallTimeMs: timeout }),
    ...(turns !== undefined && { turns }),
    ...(budget !== undefined && { budgetUsd: budget }),
  };
  const retry = {
    ...(firstBackoff !== undefined && { firstBackoffMs: firstBackoff }),
    ...(maxBackoff !== undefined && { maxBackoffMs: maxBackoff }),
    ...(neverOn !== undefined && { neverOn }),
  };
  return {
    ...placeOf(options),
    ...(engine !== undefined && { engine }),
    ...(priority !== undefined && { priority }),
    ...(model !== undefined && { model }),
    ...(systemPrompt !== undefined && { systemPrompt }),
    ...(labels !== undefined && { labels }),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(Object.keys(retry).length > 0 && { retry }),
    ...(availableTool && { availableTools: availableTool }),
    ...(allowedTool && { allowedTools: allowedTool }),
    ...(deniedTool && { deniedTools: deniedTool }),
    ...(startTime && { startTime }),
    ...(startDeadline && { startDeadline }),
    ...(attach && { attachments: await Promise.all(attach.map(readAttachment)) }),
    prompt: prompt === "-" ? await text(io.stdin) : prompt,
  };
}

/** Where its answer is to come from. */
function placeOf({ executor, fallbackAfter, cache, cacheMaxAge, conversation, fork }: TaskOptions) {
  if (fallbackAfter !== undefined && executor === undefined) {
    throw new CliError(EXIT.usage, "--fallback-after goes with --executor");
  }
  if (fork && (conversation === undefined || conversation === NEW)) {
    throw new CliError(EXIT.usage, "--fork goes with the --conversation to go on from");
  }
  return {
    ...(executor !== undefined && {
      affinity: { executorId: executor, ...(fallbackAfter !== undefined && { fallbackAfterMs: fallbackAfter }) },
    }),
    ...((cache || cacheMaxAge !== undefined) && {
      cache: { ...(cacheMaxAge !== undefined && { maxAgeMs: cacheMaxAge }) },
    }),
    ...(conversation !== undefined && {
      conversation: { ...(conversation !== NEW && { id: conversation }), ...(fork && { fork }) },
    }),
  };
}

/** No conversation has this id. */
const NEW = "new";

async function readAttachment(path: string): Promise<AttachmentInput> {
  try {
    return { name: basename(path), content: await readFile(path) };
  } catch (error) {
    throw new CliError(EXIT.usage, `--attach: ${error instanceof Error ? error.message : String(error)}`);
  }
}
