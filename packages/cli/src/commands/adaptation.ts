import { AdaptationMode } from "@ccsp/protos/ccsp/monitor/v1/adaptation.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { sayTable, showOne } from "../output/show.js";
import { type Io, note, say } from "../process/io.js";
import { ADAPTATION_COLUMNS, adaptationRows } from "../tables/adaptation.js";

const MODES: Readonly<Record<number, string>> = {
  [AdaptationMode.OFF]: "adaptation is off: the monitor changes nothing (CCSP_MONITOR_ADAPTATION)",
  [AdaptationMode.DRY_RUN]: "adaptation is a dry run: the monitor reports its decisions and changes nothing",
  [AdaptationMode.ON]: "adaptation is on: the monitor slows work down before a limit is reached",
};

export function adaptationCommand(io: Io): Command {
  return withConnection(new Command("adaptation"), NAMELESS)
    .description("show what CCSP has changed by itself: rates, weights, gates and slots, and why")
    .option("--all", "also the decisions before the newest one")
    .addHelpText(
      "after",
      `
The monitor slows a login, an engine or an agent down when more than 90 % of a
limit is forecast to be used within the hour (CCSP_MONITOR_ADAPTATION). Each
executor adapts its slots to its host (CCSP_EXECUTOR_SLOT_RANGE).
ccsp limits shows and changes the rates and weights in force. Needs the scope
monitor:read.

Examples:
  ccsp adaptation
  ccsp adaptation --all
  ccsp adaptation -o json | jq -r '.adapted[] | select(.inForce) | .subject'`,
    )
    .action(async ({ all = false, ...options }: ConnectionOptions & { readonly all?: boolean }) => {
      const answer = await atGateway(io, options, (gateway) => gateway.getAdaptation({}));
      await showOne(io, options, {
        json: () => messageJson("ccsp.monitor.v1.GetAdaptationResponse", answer),
        write: async () => {
          say(io, MODES[answer.mode] ?? "the monitor does not say whether it adapts");
          const rows = adaptationRows(answer.adapted, all);
          await sayTable(io, options, ADAPTATION_COLUMNS, rows);
          if (rows.length === 0) note(io, "nothing was adapted within the last day");
        },
      });
    });
}
