import type { ProbeResponse } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { Command, InvalidArgumentError } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { lengthWords } from "../describe/task.js";
import { wholeNumber } from "../options/option-values.js";
import { FORMATS, NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showOne } from "../output/show.js";
import { count } from "../output/words.js";
import { EXIT, type ExitCode } from "../process/exit.js";
import type { Io } from "../process/io.js";

// A probe takes at most a minute.
const PROBE_MS = 70_000;

export function drainCommand(io: Io): Command {
  return withConnection(new Command("drain"), FORMATS)
    .description("stop an executor from taking more work; its running tasks continue")
    .argument("<executor>", "its id")
    .option("--undo", "let it take work again")
    .addHelpText("after", "\nExamples:\n  ccsp executor drain executor-1\n  ccsp executor drain executor-1 --undo")
    .action(async (executorId: string, { undo, ...options }: ConnectionOptions & { readonly undo?: true }) => {
      const answer = await atGateway(io, options, (gateway) => gateway.setDraining({ executorId, draining: !undo }));
      const runs = `${count(answer.running, "run")} ${answer.running === 1 ? "continues" : "continue"}`;
      const json = () => messageJson("ccsp.executor.v1.SetDrainingResponse", answer);
      const line = `${executorId} ${undo ? "takes work again" : "takes no more work"}; ${runs}`;
      await showOne(io, options, { json, name: executorId, lines: () => [line] });
    });
}

export function slotsCommand(io: Io): Command {
  return withConnection(new Command("slots"), FORMATS)
    .description("change how many runs of an engine an executor may have at the same time, until it restarts")
    .argument("<executor>", "its id")
    .argument("<engine>", "engine name")
    .argument("<number>", "1 to 500", slotsNumber)
    .addHelpText("after", "\nExample:\n  ccsp executor slots executor-1 claude-code 4")
    .action(async (executorId: string, engine: string, slots: number, options: ConnectionOptions) => {
      const answer = await atGateway(io, options, (gateway) => gateway.setConcurrency({ executorId, engine, slots }));
      const json = () => messageJson("ccsp.executor.v1.SetConcurrencyResponse", answer);
      const line = `${executorId}: ${answer.engine?.running ?? 0} of ${answer.engine?.slots ?? slots} ${engine} running`;
      await showOne(io, options, { json, name: executorId, lines: () => [line] });
    });
}

export function probeCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withConnection(new Command("probe"), NAMELESS)
    .description("send an engine of an executor the shortest real prompt; the answer costs as usual")
    .argument("<executor>", "its id")
    .argument("[engine]", "engine name (default: its first)", "")
    .addHelpText(
      "after",
      "\nEnds with 1 when it did not answer, and says why.\n\nExample:\n  ccsp executor probe executor-1",
    )
    .action(async (executorId: string, engine: string, options: ConnectionOptions) => {
      const answer = await atGateway(io, options, (gateway) =>
        gateway.probe({ executorId, engine }, { timeoutMs: PROBE_MS }),
      );
      const json = () => messageJson("ccsp.executor.v1.ProbeResponse", answer);
      await showOne(io, options, { json, lines: () => [probeWords(answer)] });
      end(answer.ok ? EXIT.ok : EXIT.failed);
    });
}

const oneOrMore = wholeNumber(1);

function slotsNumber(value: string): number {
  if (Number(value) !== 0 || value.trim() === "") return oneOrMore(value);
  throw new InvalidArgumentError(
    "Without a slot its tasks would wait: `ccsp executor drain` stops the executor from taking work, and `ccsp pause engine/NAME` the engine everywhere.",
  );
}

function probeWords({ ok, firstText, total, error, model, engineVersion }: ProbeResponse): string {
  if (!ok) return `did not answer: ${error?.message ?? "no reason was given"}`;
  const times = `first text after ${lengthWords(firstText)}, whole in ${lengthWords(total)}`;
  return `answered: ${times}, ${model} by ${engineVersion}`;
}
