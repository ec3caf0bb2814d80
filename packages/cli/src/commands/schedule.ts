import type { ScheduleInput } from "@ccsp/client";
import type { MessageClient } from "@ccsp/client/messages";
import type { Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Command, Option } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection/connection.js";
import { scheduleLines } from "../describe/schedule.js";
import { PROMPT_ARGUMENT } from "../input/prompt.js";
import { timeZone as timeZoneName } from "../options/option-values.js";
import { FORMATS, isForPrograms } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import type { Io } from "../process/io.js";
import { SCHEDULE_COLUMNS, type ScheduleRow } from "../tables/schedules.js";
import { inAllowedFolders } from "../tasks/ask-folder.js";
import { taskInput } from "../tasks/task-input.js";
import { type TaskOptions, withTask } from "../tasks/task-options.js";

type PutOptions = TaskOptions & {
  readonly timeZone: string;
  readonly missed: NonNullable<ScheduleInput["missedRuns"]>;
  readonly paused?: true;
};

const MISSED = ["skip", "run-once", "run-all"] as const satisfies readonly PutOptions["missed"][];

export function scheduleCommand(io: Io): Command {
  const command = new Command("schedule").description("create tasks at repeated times");
  for (const sub of [putCommand(io), listCommand(io), deleteCommand(io)]) command.addCommand(sub);
  return command;
}

function putCommand(io: Io): Command {
  const command = new Command("put")
    .description("store a schedule, or replace the one of this name")
    .argument("<name>", "1 to 128 of A-Z a-z 0-9 . _ -")
    .argument("<cron>", "minute, hour, day of month, month, day of week")
    .argument("[prompt]", PROMPT_ARGUMENT)
    .option("--time-zone <name>", "IANA time zone of the times", timeZoneName, "UTC")
    .addOption(
      new Option(
        "--missed <how>",
        "for times that passed while no queue ran: no task, one task for all, or one for each",
      )
        .choices(MISSED)
        .default("skip"),
    )
    .option("--paused", "create no tasks for now; to resume, store it again without this option");
  return withTask(command, { start: false, submits: false, formats: FORMATS })
    .addHelpText(
      "after",
      `
Storing a schedule starts no task. Tasks that it has created stay.

Examples:
  ccsp schedule put nightly "0 3 * * *" "Summarise yesterday's issues" \\
    --time-zone Asia/Tokyo --priority low
  ccsp schedule put weekly "30 8 * * MON" --missed run-once \\
    --prompt-file prompt.txt`,
    )
    .action(async (name: string, cron: string, prompt: string | undefined, options: PutOptions) => {
      const { timeZone, missed: missedRuns, paused = false } = options;
      const task = await inAllowedFolders(io, options, await taskInput(io, prompt, options));
      const schedule = { name, cron, timeZone, missedRuns, paused, task };
      const stored = await connected(io, options, (client) => client.schedules.put(schedule));
      await showOne(io, options, { json: () => scheduleJson(stored), name, lines: () => scheduleLines(stored) });
    });
}

function listCommand(io: Io): Command {
  const command = new Command("list").description(
    "list your schedules, sorted by name, with their next times and the result of the last run",
  );
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
Examples:
  ccsp schedule list
  ccsp schedule list -o json | jq -r '[.name, .nextRunTimes[0]] | @tsv'`,
    )
    .action(async (options: ConnectionOptions) => {
      await connected(io, options, async (client) => {
        const withLast = async (schedule: Schedule): Promise<ScheduleRow> => ({
          schedule,
          last: isForPrograms(options) ? undefined : await lastTask(client, schedule),
        });
        await showList(io, options, {
          rows: await Promise.all((await client.schedules.list()).map(withLast)),
          json: ({ schedule }) => scheduleJson(schedule),
          name: ({ schedule }) => schedule.name,
          columns: SCHEDULE_COLUMNS,
          empty: 'no schedules yet: ccsp schedule put nightly "0 3 * * *" "Summarise yesterday\'s issues"',
        });
      });
    });
}

const scheduleJson = (schedule: Schedule): Promise<object> => messageJson("ccsp.task.v1.Schedule", schedule);

/** Undefined when the schedule has made no task, or when the queue has already removed the newest one. */
async function lastTask(client: MessageClient, { lastTaskId }: Schedule): Promise<Task | undefined> {
  if (lastTaskId === "") return undefined;
  return client.get(lastTaskId).catch(async (error: unknown) => {
    const { NotFoundError } = await import("@ccsp/client"); // loads gRPC
    if (error instanceof NotFoundError) return undefined;
    throw error;
  });
}

function deleteCommand(io: Io): Command {
  const command = new Command("delete").description("delete a schedule; tasks that it created stay").argument("<name>");
  return withConnection(command, FORMATS)
    .addHelpText("after", "\nExample:\n  ccsp schedule delete nightly")
    .action(async (name: string, options: ConnectionOptions) => {
      await connected(io, options, (client) => client.schedules.delete(name));
      await showOne(io, options, { json: () => ({ deleted: name }), name, lines: () => [`${name} is deleted`] });
    });
}
