import type { EstimateTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { Command } from "commander";
import { connected } from "../connection/connection.js";
import { blockerLines, startWords } from "../describe/start.js";
import { NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showOne } from "../output/show.js";
import type { Io } from "../process/io.js";
import { draftInput } from "../tasks/task-input.js";
import { type TaskOptions, withTask } from "../tasks/task-options.js";

export function estimateCommand(io: Io): Command {
  const command = new Command("estimate")
    .description("show when a task would start if it was submitted now, without submitting it")
    .argument("[prompt]", "the prompt that would run; - reads standard input");
  return withTask(command, { start: true, submits: false, formats: NAMELESS })
    .addHelpText(
      "after",
      `
Examples:
  ccsp estimate
  ccsp estimate --priority low --engine opencode
  ccsp estimate -o json | jq -r .start.p90`,
    )
    .action(async (prompt: string | undefined, options: TaskOptions) => {
      const input = await draftInput(io, prompt, options);
      const estimate = await connected(io, options, (client) => client.estimate(input));
      const json = () => messageJson("ccsp.gateway.v1.EstimateTaskResponse", estimate);
      await showOne(io, options, { json, lines: () => lines(estimate) });
    });
}

function lines({ start, runTime, blockers }: EstimateTaskResponse): string[] {
  return [
    `starts in   ${startWords(start)}`,
    `runs for    ${startWords(runTime)}`,
    ...(blockers.length === 0 ? ["blocked by  nothing"] : blockerLines(blockers)),
  ];
}
