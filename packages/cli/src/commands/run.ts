import { randomUUID } from "node:crypto";
import { Command } from "commander";
import { connected } from "../connection/connection.js";
import { eventsWithJson } from "../follow/event-with-json.js";
import { PROMPT_ARGUMENT } from "../input/prompt.js";
import type { ExitCode } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { inAllowedFolders } from "../tasks/ask-folder.js";
import { taskInput } from "../tasks/task-input.js";
import { type TaskOptions, withTask } from "../tasks/task-options.js";

type RunOptions = TaskOptions & { readonly cancelOnInterrupt?: true; readonly quiet?: true };

export function runCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("run")
    .description("submit a task and stream its answer")
    .argument("[prompt]", PROMPT_ARGUMENT);
  return withTask(command, { start: true, submits: true })
    .option("--cancel-on-interrupt", "cancel the task on Ctrl-C instead of leaving it running")
    .option("-q, --quiet", "print only the answer, or why there is none")
    .addHelpText(
      "after",
      `
The prompt is the argument. Without one, it is --prompt-file or else standard
input; with one, standard input is not read.
--working-folder and --include name places on the host of the executor. In a
local fleet this is your machine: ccsp asks once whether tasks may work there
(ccsp folders). Tasks may read a working folder; to change files, they need
--permission-mode accept-edits or --allow-tools Edit,Write.

The answer goes to standard output; a summary and everything else go to standard
error. A terminal shows all text as it is written; a pipe or file gets only the
answer, when the task has ended.
While the task waits, a line on standard error says why and when it may start.
On a terminal, another line shows how far the run is.
The task outlives this command: Ctrl-C leaves it running and says how to watch
it again.

Examples:
  ccsp run "Summarise the README of this repository" --working-folder .
  ccsp run "Fix the failing test" --working-folder . \\
    --permission-mode accept-edits --allow-tools "Bash(npm test:*)" --budget 2
  git diff | ccsp run --system-prompt "Review this diff" --timeout 5m
  ccsp run "Write a haiku" -o json \\
    | jq -r 'select(.type == "ended") | .result.costUsd'`,
    )
    .action(async (prompt: string | undefined, options: RunOptions) => {
      const task = await inAllowedFolders(io, options, await taskInput(io, prompt, options));
      const requestId = options.requestId ?? randomUUID();
      const { followRun } = await import("../follow/follow-run.js"); // loads gRPC
      const code = await connected(io, { ...options, patient: true }, (client) =>
        followRun(io, {
          client,
          events: (signal) => eventsWithJson(client.run(task, { signal, requestId })),
          requestId,
          json: options.json === true,
          quiet: options.quiet === true,
          cancelOnInterrupt: options.cancelOnInterrupt === true,
        }),
      );
      end(code);
    });
}
