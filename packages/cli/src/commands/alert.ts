import { randomUUID } from "node:crypto";
import { type Alert, AlertState, type LabelMatcher } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { Command, Option } from "commander";
import { matcher } from "../alert/rule-options.js";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway, type Operator } from "../connection/operator.js";
import { durationMs, namesOf, oneOf, someText } from "../options/option-values.js";
import { FORMATS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import { count, zonedTime } from "../output/words.js";
import type { Io } from "../process/io.js";
import { ALERT_COLUMNS, SIGNAL_COLUMNS, SILENCE_COLUMNS, signalRows } from "../tables/alerts.js";
import { alertRuleCommands } from "./alert-rules.js";

export function alertCommand(io: Io): Command {
  const command = new Command("alert").description("show alerts, change their rules, and silence them");
  const silences = [silenceCommand(io), silencesCommand(io), unsilenceCommand(io)];
  for (const sub of [listCommand(io), ...silences, ...alertRuleCommands(io), signalsCommand(io)])
    command.addCommand(sub);
  return command;
}

const STATES = namesOf(AlertState);
type StateName = (typeof STATES)[number];

function listCommand(io: Io): Command {
  return withConnection(new Command("list"), FORMATS)
    .description("list the alerts that fire and are pending, and those that ended in the last day")
    .addOption(
      new Option(
        "--state <state>",
        `only this state, several with commas: ${STATES.join(", ").toLowerCase()}`,
      ).argParser(oneOf(STATES)),
    )
    .option("--rule <name>", "only alerts of this rule", someText)
    .addHelpText(
      "after",
      `
Firing alerts come first, the most severe at the top. Needs the scope
monitor:read.

Examples:
  ccsp alert list
  ccsp alert list --state firing -o wide
  ccsp alert list -o json | jq -r 'select(.state == "FIRING") | .summary'`,
    )
    .action(async (options: ConnectionOptions & { readonly state?: readonly StateName[]; readonly rule?: string }) => {
      const states = (options.state ?? []).map((name) => AlertState[name]);
      await atGateway(io, options, (gateway) =>
        showList(io, options, {
          rows: allAlerts(gateway, states, options.rule ?? ""),
          json: (alert) => messageJson("ccsp.monitor.v1.Alert", alert),
          name: ({ id }) => id,
          columns: ALERT_COLUMNS,
          empty: "no alerts: ccsp alert rules shows what is watched",
        }),
      );
    });
}

async function* allAlerts(gateway: Operator, states: AlertState[], rule: string): AsyncGenerator<Alert, void> {
  let pageToken = "";
  do {
    const { alerts, nextPageToken } = await gateway.listAlerts({ states, rule, pageToken });
    yield* alerts;
    pageToken = nextPageToken;
  } while (pageToken !== "");
}

function silenceCommand(io: Io): Command {
  const command = new Command("silence")
    .description("notify nobody of some alerts for a time; they are still listed")
    .requiredOption("--match <label=value>", "alerts with this label, rule or severity; may be repeated", matcher)
    .requiredOption("--for <time>", "how long, such as 2h, from 1m to 90d", durationMs)
    .requiredOption("--why <text>", "why");
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
An alert has to match all of them. If it still fires when the silence ends,
people are notified then. If they were notified of an alert before, they are
also notified when it ends. Needs the scope monitor:manage.

Examples:
  ccsp alert silence --match rule=disk-full --for 2h --why "disk is replaced"
  ccsp alert silence --match engine=codex --match severity!=critical \\
    --for 1d --why "we test it"`,
    )
    .action(
      async (
        options: ConnectionOptions & {
          readonly match: readonly LabelMatcher[];
          readonly for: number;
          readonly why: string;
        },
      ) => {
        const { match, for: forMs, why } = options;
        const request = { matchers: [...match], duration: toDuration(forMs), reason: why, requestId: randomUUID() };
        const { silence, alerts } = await atGateway(io, options, (gateway) => gateway.silenceAlerts(request));
        if (silence === undefined) return;
        await showOne(io, options, {
          json: () => messageJson("ccsp.monitor.v1.Silence", silence),
          name: silence.id,
          lines: () => [
            `silence ${silence.id} holds until ${zonedTime(silence.endTime)}; it matches ${count(alerts, "alert")} now`,
          ],
        });
      },
    );
}

function silencesCommand(io: Io): Command {
  return withConnection(new Command("silences"), FORMATS)
    .description("list the silences that hold")
    .addHelpText("after", "\nNeeds the scope monitor:read.\n\nExample:\n  ccsp alert silences")
    .action(async (options: ConnectionOptions) => {
      const { silences } = await atGateway(io, options, (gateway) => gateway.listSilences({}));
      await showList(io, options, {
        rows: silences,
        json: (silence) => messageJson("ccsp.monitor.v1.Silence", silence),
        name: ({ id }) => id,
        columns: SILENCE_COLUMNS,
        empty: "no silences: ccsp alert silence makes one",
      });
    });
}

function unsilenceCommand(io: Io): Command {
  const command = new Command("unsilence").description("end a silence now").argument("<silence>", "its id");
  return withConnection(command, FORMATS)
    .addHelpText("after", "\nNeeds the scope monitor:manage.\n\nExample:\n  ccsp alert unsilence 4f2c9a1b03de")
    .action(async (id: string, options: ConnectionOptions) => {
      const { silence } = await atGateway(io, options, (gateway) => gateway.deleteSilence({ id }));
      await showOne(io, options, {
        json: () => (silence === undefined ? {} : messageJson("ccsp.monitor.v1.Silence", silence)),
        name: id,
        lines: () => [`silence ${id} has ended`],
      });
    });
}

function signalsCommand(io: Io): Command {
  return withConnection(new Command("signals"), FORMATS)
    .description("list the metrics that rules can use, with their values now")
    .argument("[metric]", "only this metric")
    .addHelpText(
      "after",
      `
Shares are from 0 to 1, and times are in seconds. Needs the scope monitor:read.

Examples:
  ccsp alert signals
  ccsp alert signals queue_oldest_wait_seconds`,
    )
    .action(async (metric: string | undefined, options: ConnectionOptions) => {
      const { metrics } = await atGateway(io, options, (gateway) => gateway.listSignals({ metric: metric ?? "" }));
      await showList(io, options, {
        rows: signalRows(metrics),
        json: ({ metric: each, value }) => ({
          metric: each.name,
          help: each.help,
          ...(value && { labels: value.labels, value: value.value }),
          ...(each.fault !== "" && { fault: each.fault }),
        }),
        name: ({ metric: each }) => each.name,
        columns: SIGNAL_COLUMNS,
        empty: "no metrics",
      });
    });
}
