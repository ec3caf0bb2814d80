import type { GetSlosResponse } from "@ccsp/protos/ccsp/monitor/v1/slo.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { sayTable, showOne } from "../output/show.js";
import { zonedTime } from "../output/words.js";
import { type Io, note, say } from "../process/io.js";
import { p95Line, SLO_COLUMNS } from "../tables/slo.js";

export function sloCommand(io: Io): Command {
  return withConnection(new Command("slo"), NAMELESS)
    .description("show how well the service level objectives are kept, and what is left of their error budgets")
    .addHelpText(
      "after",
      `
NOW and BUDGET LEFT are of the last 30 days. The columns with times are burn
rates: at 1, the error budget is used up in exactly 30 days. BURN says what the
rates call for: fast (2 % of the budget in an hour) or slow (5 % in six hours,
or 10 % in three days). -o wide says what counts as good. Needs the scope
monitor:read.

Examples:
  ccsp slo
  ccsp slo -o wide
  ccsp slo -o json | jq '.slos[] | {name, budgetLeft}'`,
    )
    .action(async (options: ConnectionOptions) => {
      await atGateway(io, options, async (gateway) => {
        const answer = await gateway.getSlos({});
        await showOne(io, options, {
          json: () => messageJson("ccsp.monitor.v1.GetSlosResponse", answer),
          write: () => saySlos(io, options, answer),
        });
      });
    });
}

async function saySlos(io: Io, options: ConnectionOptions, { slos, startTime }: GetSlosResponse): Promise<void> {
  await sayTable(io, options, SLO_COLUMNS, slos);
  for (const line of p95Line(slos)) say(io, line);
  if (slos.every(({ total }) => total === 0n))
    note(io, "nothing was counted yet: gateways and queues report every 30 s");
  else if (startTime) note(io, `counted since ${zonedTime(startTime)}`);
}
