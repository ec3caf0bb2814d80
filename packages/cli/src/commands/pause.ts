import type { GateScope } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { gateLine } from "../describe/queue.js";
import { gateScope, SCOPE_WORDS, scopeName } from "../options/gate-scope.js";
import { durationMs } from "../options/option-values.js";
import { FORMATS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showOne } from "../output/show.js";
import type { Io } from "../process/io.js";

interface PauseOptions extends ConnectionOptions {
  readonly why: string;
  readonly for?: number;
}

export function pauseCommand(io: Io): Command {
  const command = new Command("pause")
    .description("start no more tasks of a scope; running tasks continue")
    .argument("<scope>", SCOPE_WORDS, gateScope)
    .requiredOption("--why <text>", "why")
    .option("--for <time>", "opens by itself after this time, such as 30m or 2h", durationMs);
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
Examples:
  ccsp pause engine/claude-code --why "the provider is down" --for 30m
  ccsp pause agent/nightly --why "it floods the queue"`,
    )
    .action(async (scope: GateScope, { why, for: forMs, ...options }: PauseOptions) => {
      const opens = forMs === undefined ? {} : opensAfter(forMs);
      const { gate } = await atGateway(io, options, (gateway) => gateway.pauseQueue({ scope, why, ...opens }));
      if (!gate) return;
      const json = () => messageJson("ccsp.queue.v1.Gate", gate);
      await showOne(io, options, { json, name: scopeName(gate.scope), lines: () => [gateLine(gate)] });
    });
}

/** Sets both fields: a queue of the previous release knows only the date, which comes from the clock of this host. */
const opensAfter = (ms: number) => ({
  openAfter: toDuration(ms),
  until: new Date(Date.now() + ms),
});

export function resumeCommand(io: Io): Command {
  const command = new Command("resume")
    .description("start tasks of a paused scope again")
    .argument("<scope>", SCOPE_WORDS, gateScope)
    .option("--why <text>", "why", "");
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
It also opens scopes that CCSP closed by itself, such as
account/claude-code/team after its login was renewed. The emergency stop has a
command of its own:
ccsp emergency resume.

Example:
  ccsp resume engine/claude-code --why "the provider is back"`,
    )
    .action(async (scope: GateScope, { why, ...options }: PauseOptions) => {
      const { resumed } = await atGateway(io, options, (gateway) => gateway.resumeQueue({ scope, why }));
      const name = scopeName(scope);
      const line = resumed ? `${name} is open again` : `${name} was not paused`;
      await showOne(io, options, { json: () => ({ resumed }), name, lines: () => [line] });
    });
}
