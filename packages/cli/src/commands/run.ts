import { Command } from "commander";
import { type ConnectionOptions, connected, withConnection } from "../connection.js";
import type { ExitCode } from "../exit.js";
import { followRun } from "../follow-run.js";
import type { Io } from "../io.js";
import { type TaskOptions, taskInput, withTask } from "../task-options.js";

type RunOptions = ConnectionOptions & TaskOptions & { readonly cancelOnInterrupt?: true; readonly quiet?: true };

export function runCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("run")
    .description("submit a task and stream its answer")
    .argument("<prompt>", "the prompt; - reads standard input")
    .option("--cancel-on-interrupt", "cancel the task on Ctrl-C instead of leaving it running")
    .option("-q, --quiet", "print only the answer, or why there is none");
  return withTask(withConnection(command))
    .addHelpText(
      "after",
      `
The answer goes to standard output; a summary and everything else go to standard error. A terminal shows all text as it is written; a pipe or
file gets only the answer, when the task has ended.
While the task waits, a line on standard error says why and when it may start. On a terminal, another line shows how
far the run is.
The task outlives this command: Ctrl-C leaves it running and says how to watch it again.

Examples:
  ccsp run "Summarise the README of this repository"
  git diff | ccsp run - --system-prompt "Review this diff" --timeout 5m
  ccsp run "Write a haiku" --json | jq -r 'select(.type == "ended") | .result.costUsd'`,
    )
    .action(async (prompt: string, options: RunOptions) => {
      const task = await taskInput(io, prompt, options);
      const code = await connected(io, { ...options, patient: true }, (client) =>
        followRun(io, {
          client,
          events: (signal) => client.run(task, { signal, requestId: options.requestId }),
          json: options.json === true,
          quiet: options.quiet === true,
          cancelOnInterrupt: options.cancelOnInterrupt === true,
        }),
      );
      end(code);
    });
}
