import type { ExecutorState } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { silentLines } from "../describe/executors.js";
import { untilInterrupted } from "../follow/following.js";
import { names, TASK_ARGUMENT } from "../options/task-id.js";
import { FORMATS, isForPrograms } from "../output/format.js";
import { executorJson, messageJson } from "../output/json-forms.js";
import { showList } from "../output/show.js";
import { CliError, EXIT, type ExitCode } from "../process/exit.js";
import { type Io, note, sayJson, writeText } from "../process/io.js";
import { byEngine, EXECUTOR_COLUMNS, RUN_COLUMNS, type RunRow } from "../tables/executors.js";
import { drainCommand, probeCommand, slotsCommand } from "./executor-control.js";

export function executorCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("executor").description("show and control executors");
  command.addCommand(listCommand(io, end));
  for (const sub of [runsCommand(io, end), tailCommand(io), drainCommand(io), slotsCommand(io)])
    command.addCommand(sub);
  return command.addCommand(probeCommand(io, end));
}

function listCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withConnection(new Command("list"), FORMATS)
    .description("list executors with their engines")
    .addHelpText(
      "after",
      "\nEnds with 5 when one does not answer.\n\nExample:\n  ccsp executor list -o json | jq -r .executorId",
    )
    .action(async (options: ConnectionOptions) => {
      const { executors } = await atGateway(io, options, (gateway) => gateway.listExecutors({}));
      if (!allAnswer(executors)) end(EXIT.unavailable);
      await showList(io, options, {
        rows: isForPrograms(options) ? executors.map((executor) => ({ executor })) : executors.flatMap(byEngine),
        json: ({ executor }) => executorJson(executor),
        name: ({ executor }) => executor.executorId,
        columns: EXECUTOR_COLUMNS,
        empty: "no executor runs: start one, or a local fleet with `ccsp up`",
      });
    });
}

const allAnswer = (executors: readonly ExecutorState[]): boolean => executors.every(({ status }) => status);

function runsCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withConnection(new Command("runs"), FORMATS)
    .description("list what executors run now, oldest first")
    .addHelpText("after", "\nEnds with 5 when an executor does not answer.\n\nExample:\n  ccsp executor runs")
    .action(async (options: ConnectionOptions) => {
      const { executors } = await atGateway(io, options, (gateway) => gateway.listExecutors({}));
      for (const line of silentLines(executors)) note(io, line);
      if (!allAnswer(executors)) end(EXIT.unavailable);
      await showList(io, options, {
        rows: runsOf(executors),
        json: async ({ executorId, run }) => ({
          executorId,
          ...(await messageJson("ccsp.executor.v1.RunStatus", run)),
        }),
        name: ({ run }) => run.taskId,
        columns: RUN_COLUMNS,
        empty: "nothing runs now; ccsp queue status shows what waits",
      });
    });
}

const runsOf = (executors: readonly ExecutorState[]): readonly RunRow[] =>
  executors.flatMap(({ executorId, status }) => (status?.runs ?? []).map((run) => ({ executorId, run })));

function tailCommand(io: Io): Command {
  return withConnection(new Command("tail"))
    .description("stream what an engine writes now, for a task of any agent; Ctrl-C leaves it running")
    .argument("<task>", TASK_ARGUMENT)
    .addHelpText("after", "\nExample:\n  ccsp executor tail TASK")
    .action(async (named: string, options: ConnectionOptions) => {
      await atGateway(io, options, (gateway) =>
        untilInterrupted(io, async (signal) => {
          const { executors } = await gateway.listExecutors({}, { signal });
          const [found, ...others] = runsOf(executors).filter(({ run }) => names(named, run.taskId));
          if (!found) throw new CliError(EXIT.notFound, `no executor runs ${named} now`);
          if (others.length > 0) {
            const ids = [found, ...others].map(({ run }) => run.taskId);
            throw new CliError(
              EXIT.usage,
              `${named} matches the end of ${ids.length} task ids; give more characters:`,
              ids,
            );
          }
          const { executorId, run } = found;
          for await (const { text, gap } of gateway.tailRun({ executorId, taskId: run.taskId }, { signal })) {
            if (options.json) sayJson(io, { text, gap });
            else await writeText(io, gap ? `\n[…]\n${text}` : text);
          }
        }),
      );
    });
}
