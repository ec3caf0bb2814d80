import { GetExecutorStatusResponse, type SandboxStatus } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { Command } from "commander";
import { CliError, EXIT, type ExitCode } from "../exit.js";
import { untilInterrupted } from "../following.js";
import { type Io, note, say, sayJson, writeText } from "../io.js";
import { atExecutors, type ExecutorOptions, withExecutors } from "../operator.js";
import { drainCommand, probeCommand, slotsCommand } from "./executor-control.js";

export function executorCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("executor").description("show and control executors");
  command.addCommand(listCommand(io, end));
  for (const sub of [runsCommand(io), tailCommand(io), drainCommand(io), slotsCommand(io)]) command.addCommand(sub);
  return command.addCommand(probeCommand(io, end));
}

function listCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withExecutors(new Command("list"))
    .description("list executors with their engines")
    .addHelpText(
      "after",
      "\nEnds with 5 when one does not answer.\n\nExample:\n  ccsp executor list --json | jq -r .executorId",
    )
    .action(async (options: ExecutorOptions) => {
      await atExecutors(io, options, async (executors) => {
        if (executors.length === 0) note(io, "no executors");
        for (const { address, client } of executors) {
          const status = await client.getExecutorStatus({}).catch(() => undefined);
          if (!status) end(EXIT.unavailable);
          if (options.json) sayJson(io, { address, ...(status && jsonOf(status)) });
          else for (const line of status ? lines(address, status) : [`${address}: does not answer`]) say(io, line);
        }
      });
    });
}

const jsonOf = (status: GetExecutorStatusResponse): object => Object(GetExecutorStatusResponse.toJSON(status));

function lines(address: string, { executorId, engines, draining, sandbox }: GetExecutorStatusResponse): string[] {
  const rows = engines.map(({ engine, version, running, slots, account, warm }) => {
    const more = `${account ? `, login ${account}` : ""}${warm > 0 ? `, ${warm} warm` : ""}`;
    return `  ${engine} ${version || "of unknown version"}: ${running} of ${slots} running${more}`;
  });
  return [`${executorId} at ${address}${draining ? ", draining" : ""}`, ...rows, ...sandboxLine(sandbox)];
}

/** None for an executor of an older release, which does not say. */
function sandboxLine(sandbox: SandboxStatus | undefined): readonly string[] {
  if (!sandbox) return [];
  const { confined, network, reason } = sandbox;
  return [confined ? `  each run in a sandbox, network: ${network}` : `  runs have no sandbox: ${reason}`];
}

function runsCommand(io: Io): Command {
  return withExecutors(new Command("runs"))
    .description("list what executors run now, oldest first")
    .addHelpText("after", "\nExample:\n  ccsp executor runs")
    .action(async (options: ExecutorOptions) => {
      await atExecutors(io, options, async (executors) => {
        for (const { client } of executors) {
          const { executorId, runs } = await client.getExecutorStatus({});
          for (const { taskId, engine, pid, startTime } of runs) {
            if (options.json) sayJson(io, { executorId, taskId, engine, pid, startTime });
            else say(io, `${taskId}  ${executorId}  ${engine}  pid ${pid}  since ${startTime?.toISOString() ?? "-"}`);
          }
        }
      });
    });
}

function tailCommand(io: Io): Command {
  return withExecutors(new Command("tail"))
    .description("stream what an engine writes now, for a task of any agent; Ctrl-C leaves it running")
    .argument("<task>", "task id")
    .addHelpText("after", "\nExample:\n  ccsp executor tail TASK")
    .action(async (taskId: string, options: ExecutorOptions) => {
      await atExecutors(io, options, (executors) =>
        untilInterrupted(io, async (signal) => {
          const runs = await Promise.all(
            executors.map(async ({ client }) => {
              const { runs: all } = await client.listRuns({}).catch(() => ({ runs: [] }));
              return all.some((run) => run.taskId === taskId) ? [client] : [];
            }),
          );
          const [client] = runs.flat();
          if (!client) throw new CliError(EXIT.notFound, `no executor runs ${taskId} now`);
          for await (const { text, gap } of client.tailRun({ taskId }, { signal })) {
            if (options.json) sayJson(io, { text, gap });
            else await writeText(io, gap ? `\n[…]\n${text}` : text);
          }
        }),
      );
    });
}
