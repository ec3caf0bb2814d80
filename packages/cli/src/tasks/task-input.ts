import { basename } from "node:path";
import type { AttachmentInput, TaskInput } from "@ccsp/client";
import { readPrompt } from "../input/prompt.js";
import { readInputFile } from "../input/read-input.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { TASK_OPTIONS, type TaskOptions } from "./task-options.js";

/** The id that means a new conversation. No conversation has it. */
const NEW = "new";

/** The task that the options describe, with its prompt. `argument` is the prompt among the arguments, if there is one. */
export async function taskInput(io: Io, argument: string | undefined, options: TaskOptions): Promise<TaskInput> {
  const fields = checkedFields(options);
  const prompt = await readPrompt(io, { argument, promptFile: options.promptFile });
  return { ...fields, ...(await filesOf(options)), prompt };
}

/** The same when nothing is run, so that the prompt may be missing. Standard input is read only for `-`. */
export async function draftInput(io: Io, argument: string | undefined, options: TaskOptions): Promise<TaskInput> {
  if (argument !== undefined || options.promptFile !== undefined) return taskInput(io, argument, options);
  return { ...checkedFields(options), ...(await filesOf(options)), prompt: "" };
}

async function filesOf({ attach }: TaskOptions): Promise<Pick<TaskInput, "attachments">> {
  return attach === undefined ? {} : { attachments: await Promise.all(attach.map(readAttachment)) };
}

async function readAttachment(path: string): Promise<AttachmentInput> {
  return { name: basename(path), content: await readInputFile("--attach", path) };
}

function checkedFields(options: TaskOptions): Partial<TaskInput> {
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
  };
}

function fieldsOf(options: TaskOptions): Partial<TaskInput> {
  const fields: Record<string, unknown> = {};
  for (const [field, given] of Object.entries(TASK_OPTIONS)) {
    const values = given.flatMap((option) => options[option.attributeName()] ?? []);
    const [first] = values;
    if (first === undefined) continue;
    // Only lists have an older option beside the new one. Both add to the list.
    const value = given.some((option) => Array.isArray(options[option.attributeName()])) ? values : first;
    const [name = "", own] = field.split(".");
    if (own === undefined && value !== true) fields[name] = value;
    else fields[name] = { ...Object(fields[name]), ...(own !== undefined && { [own]: value }) };
  }
  return fields;
}
