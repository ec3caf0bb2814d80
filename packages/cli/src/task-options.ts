import { text } from "node:stream/consumers";
import type { TaskInput } from "@ccsp/client";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Io } from "./io.js";
import { CLASS_NAMES } from "./priority.js";

/** What `run`, `submit` and `estimate` accept about the task. */
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
  readonly requestId?: string;
}

export function withTask(command: Command): Command {
  return withSpec(command).option("--request-id <id>", "makes the submission safe to repeat for 24 hours");
}

/** The same for a task that is not submitted. */
export function withSpec(command: Command): Command {
  return command
    .option("--engine <name>", "engine to run it (default: the installation's)")
    .addOption(new Option("--priority <class>", "class of the task").choices(CLASS_NAMES))
    .option("--model <name>", "model, in the engine's own words")
    .option("--system-prompt <text>", "added to the engine's system prompt")
    .option("--label <key=value>", "label, may be repeated", label)
    .option("--timeout <time>", "most time for one run, such as 90s or 10m", durationMs)
    .option("--turns <number>", "most model turns of one run", wholeNumber())
    .option("--budget <usd>", "most money for one run", number)
    .option("--max-attempts <number>", "runs that may start before a failure is final", wholeNumber());
}

/** The prompt as given, or standard input for `-`. */
export async function taskInput(io: Io, prompt: string, options: TaskOptions): Promise<TaskInput> {
  const { engine, priority, model, systemPrompt, label: labels, timeout, turns, budget, maxAttempts } = options;
  const limits = {
    ...(timeout !== undefined && { wallTimeMs: timeout }),
    ...(turns !== undefined && { turns }),
    ...(budget !== undefined && { budgetUsd: budget }),
  };
  return {
    prompt: prompt === "-" ? await text(io.stdin) : prompt,
    ...(engine !== undefined && { engine }),
    ...(priority !== undefined && { priority }),
    ...(model !== undefined && { model }),
    ...(systemPrompt !== undefined && { systemPrompt }),
    ...(labels !== undefined && { labels }),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(maxAttempts !== undefined && { maxAttempts }),
  };
}

function number(value: string): number {
  const parsed = Number(value);
  if (value.trim() === "" || !Number.isFinite(parsed)) throw new InvalidArgumentError("It is not a number.");
  return parsed;
}

/** Up to what the wire's 32 bits hold. */
export function wholeNumber(min = 0): (value: string) => number {
  return (value) => {
    const parsed = number(value);
    if (Number.isInteger(parsed) && parsed >= min && parsed < 2 ** 31) return parsed;
    throw new InvalidArgumentError(`It is not a whole number from ${min}.`);
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `10m`, `2h`, `7d` in milliseconds. */
export function durationMs(value: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) ?? [];
  const scale = unit === undefined ? undefined : UNITS[unit];
  if (scale === undefined) throw new InvalidArgumentError("Write it as 90s, 10m, 2h or 7d.");
  return Math.round(Number(amount) * scale);
}

export function label(value: string, labels: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = value.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Write it as key=value.");
  return { ...labels, [value.slice(0, at)]: value.slice(at + 1) };
}
