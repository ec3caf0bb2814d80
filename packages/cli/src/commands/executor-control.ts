import {
  ProbeResponse,
  SetConcurrencyResponse,
  SetDrainingResponse,
} from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { Command } from "commander";
import { seconds } from "../describe.js";
import { EXIT, type ExitCode } from "../exit.js";
import { type Io, say, sayJson } from "../io.js";
import { atExecutor, type ExecutorOptions, withExecutors } from "../operator.js";
import { wholeNumber } from "../option-values.js";

// A probe takes at most a minute.
const PROBE_MS = 70_000;

export function drainCommand(io: Io): Command {
  return withExecutors(new Command("drain"))
    .description("stop an executor from taking more work; its running tasks continue")
    .argument("<executor>", "its id")
    .option("--undo", "let it take work again")
    .addHelpText("after", "\nExamples:\n  ccsp executor drain executor-1\n  ccsp executor drain executor-1 --undo")
    .action(async (id: string, { undo, ...options }: ExecutorOptions & { readonly undo?: true }) => {
      const answer = await atExecutor(io, options, id, (executor) => executor.setDraining({ draining: !undo }));
      if (options.json) sayJson(io, SetDrainingResponse.toJSON(answer));
      else say(io, `${id} ${undo ? "takes work again" : "takes no more work"}; ${answer.running} runs continue`);
    });
}

export function slotsCommand(io: Io): Command {
  return withExecutors(new Command("slots"))
    .description("change how many runs of an engine an executor may have at the same time, until it restarts")
    .argument("<executor>", "its id")
    .argument("<engine>", "engine name")
    .argument("<number>", "0 to 500", wholeNumber())
    .addHelpText("after", "\nExample:\n  ccsp executor slots executor-1 claude-code 4")
    .action(async (id: string, engine: string, slots: number, options: ExecutorOptions) => {
      const answer = await atExecutor(io, options, id, (executor) => executor.setConcurrency({ engine, slots }));
      if (options.json) sayJson(io, SetConcurrencyResponse.toJSON(answer));
      else say(io, `${id}: ${answer.engine?.running ?? 0} of ${answer.engine?.slots ?? slots} ${engine} running`);
    });
}

export function probeCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withExecutors(new Command("probe"))
    .description("send an engine of an executor the shortest real prompt; the answer costs as usual")
    .argument("<executor>", "its id")
    .argument("[engine]", "engine name (default: its first)", "")
    .addHelpText(
      "after",
      "\nEnds with 1 when it did not answer, and says why.\n\nExample:\n  ccsp executor probe executor-1",
    )
    .action(async (id: string, engine: string, options: ExecutorOptions) => {
      const answer = await atExecutor(io, options, id, (executor) =>
        executor.probe({ engine }, { timeoutMs: PROBE_MS }),
      );
      const { ok, firstText, total, error, model, engineVersion } = answer;
      if (options.json) sayJson(io, ProbeResponse.toJSON(answer));
      else if (ok)
        say(
          io,
          `answered: first text after ${seconds(firstText)}, whole in ${seconds(total)}, ${model} by ${engineVersion}`,
        );
      else say(io, `did not answer: ${error?.message ?? "no reason was given"}`);
      end(ok ? EXIT.ok : EXIT.failed);
    });
}
