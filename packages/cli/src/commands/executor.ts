import type { GetExecutorStatusResponse } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { Command } from "commander";
import { CliError, EXIT, type ExitCode } from "../exit.js";
import { untilInterrupted } from "../following.js";
import { type Io, sayJson, writeText } from "../io.js";
import { messageJson } from "../json-forms.js";
import { atExecutors, type ExecutorOptions, withExecutors } from "../operator.js";
import { FORMATS, isForPrograms } from "../output/format.js";
import { showList } from "../output/show.js";
import { byEngine, EXECUTOR_COLUMNS, type ExecutorRow, RUN_COLUMNS, type RunRow } from "../tables/executors.js";
import { names, TASK_ARGUMENT } from "../task-id.js";
import { drainCommand, probeCommand, slotsCommand } from "./executor-control.js";

export function executorCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("executor").description("show and control executors");
  command.addCommand(listCommand(io, end));
  for (const sub of [runsCommand(io), tailCommand(io), drainCommand(io), slotsCommand(io)]) command.addCommand(sub);
  return command.addCommand(probeCommand(io, end));
}

function listCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withExecutors(new Command("list"), FORMATS)
    .description("list executors with their engines")
    .addHelpText(
      "after",
      "\nEnds with 5 when one does not answer.\n\nExample:\n  ccsp executor list -o json | jq -r .executorId",
    )
    .action(async (options: ExecutorOptions) => {
      const rows = await atExecutors(io, options, (executors) =>
        Promise.all(
          executors.map(async ({ address, client }): Promise<ExecutorRow> => {
            return { address, status: await client.getExecutorStatus({}).catch(() => undefined) };
          }),
        ),
      );
      if (rows.some(({ status }) => status === undefined)) end(EXIT.unavailable);
      await showList(io, options, {
        rows: isForPrograms(options) ? rows : rows.flatMap(byEngine),
        json: async ({ address, status }) => ({ address, ...(status && (await executorJson(status))) }),
        name: ({ address, status }) => status?.executorId ?? address,
        columns: EXECUTOR_COLUMNS,
        empty: "no executors: start a fleet with `ccsp up`, or name them with --executors",
      });
    });
}

const executorJson = (status: GetExecutorStatusResponse): Promise<object> =>
  messageJson("ccsp.executor.v1.GetExecutorStatusResponse", status);

function runsCommand(io: Io): Command {
  return withExecutors(new Command("runs"), FORMATS)
    .description("list what executors run now, oldest first")
    .addHelpText("after", "\nExample:\n  ccsp executor runs")
    .action(async (options: ExecutorOptions) => {
      const found = await atExecutors(io, options, (executors) =>
        Promise.all(executors.map(({ client }) => client.getExecutorStatus({}))),
      );
      await showList(io, options, {
        rows: found.flatMap(({ executorId, runs }): RunRow[] => runs.map((run) => ({ executorId, run }))),
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

function tailCommand(io: Io): Command {
  return withExecutors(new Command("tail"))
    .description("stream what an engine writes now, for a task of any agent; Ctrl-C leaves it running")
    .argument("<task>", TASK_ARGUMENT)
    .addHelpText("after", "\nExample:\n  ccsp executor tail TASK")
    .action(async (named: string, options: ExecutorOptions) => {
      await atExecutors(io, options, (executors) =>
        untilInterrupted(io, async (signal) => {
          const found = await Promise.all(
            executors.map(async ({ client }) => {
              const { runs } = await client.listRuns({}).catch(() => ({ runs: [] }));
              return runs.filter((run) => names(named, run.taskId)).map(({ taskId }) => ({ client, taskId }));
            }),
          );
          const [run, ...others] = found.flat();
          if (!run) throw new CliError(EXIT.notFound, `no executor runs ${named} now`);
          if (others.length > 0) {
            const ids = [run, ...others].map(({ taskId }) => taskId);
            throw new CliError(EXIT.usage, `${named} is the end of ${ids.length} ids; write more of the id:`, ids);
          }
          const { client, taskId } = run;
          for await (const { text, gap } of client.tailRun({ taskId }, { signal })) {
            if (options.json) sayJson(io, { text, gap });
            else await writeText(io, gap ? `\n[…]\n${text}` : text);
          }
        }),
      );
    });
}
