import { randomUUID } from "node:crypto";
import {
  type Alert,
  AlertRule,
  type AlertRuleStatus,
  AlertSeverity,
  AlertState,
  type LabelMatcher,
} from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { Command, Option } from "commander";
import { withOptionNames } from "../alert/fault-options.js";
import { readRule } from "../alert/read-rule.js";
import { matcher, type When, when } from "../alert/rule-options.js";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway, type Operator } from "../connection/operator.js";
import { readInputFile, textOf } from "../input/read-input.js";
import { durationMs, label, namesOf, oneOf, someText } from "../options/option-values.js";
import { FORMATS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import { count, zonedTime } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";
import {
  ALERT_COLUMNS,
  RULE_COLUMNS,
  ruleLines,
  SIGNAL_COLUMNS,
  SILENCE_COLUMNS,
  signalRows,
} from "../tables/alerts.js";

export function alertCommand(io: Io): Command {
  const command = new Command("alert").description("show alerts, change their rules, and silence them");
  for (const sub of [
    ...[listCommand(io), silenceCommand(io), silencesCommand(io), unsilenceCommand(io)],
    ...[rulesCommand(io), putCommand(io), deleteCommand(io), testCommand(io), signalsCommand(io)],
  ])
    command.addCommand(sub);
  return command;
}

const STATES = namesOf(AlertState);
type StateName = (typeof STATES)[number];

function listCommand(io: Io): Command {
  return withConnection(new Command("list"), FORMATS)
    .description("list the alerts that fire and are pending, and those that ended in the last day")
    .addOption(
      new Option("--state <state>", `only this state, may be repeated: ${STATES.join(", ").toLowerCase()}`).argParser(
        oneOf(STATES),
      ),
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

function rulesCommand(io: Io): Command {
  return withConnection(new Command("rules"), FORMATS)
    .description("list the rules of alerts, or show one of them in full")
    .argument("[name]", "name of a rule")
    .addHelpText(
      "after",
      `
A rule that is "not judged" has a source that does not answer now: its alerts
stay as they are. Needs the scope monitor:read.

Examples:
  ccsp alert rules
  ccsp alert rules error-rate
  ccsp alert rules error-rate -o yaml > error-rate.yaml`,
    )
    .action(async (name: string | undefined, options: ConnectionOptions) => {
      const rules = await atGateway(io, options, (gateway) => gateway.listAlertRules({}));
      const json = (status: AlertRuleStatus) => messageJson("ccsp.monitor.v1.AlertRuleStatus", status);
      if (name === undefined)
        return showList(io, options, {
          rows: rules.rules,
          json,
          name: ({ rule }) => rule?.name ?? "",
          columns: RULE_COLUMNS,
          empty: "no rules",
        });
      const found = rules.rules.find(({ rule }) => rule?.name === name);
      if (found === undefined)
        throw new CliError(EXIT.notFound, `there is no rule ${name}: ccsp alert rules lists them`);
      await showOne(io, options, { json: () => json(found), name, lines: () => ruleLines(found) });
    });
}

interface PutOptions extends ConnectionOptions {
  readonly file?: string;
  readonly metric?: string;
  readonly when?: When;
  readonly match?: readonly LabelMatcher[];
  readonly for?: number;
  readonly keep?: number;
  readonly severity?: "info" | "warning" | "critical";
  readonly label?: Readonly<Record<string, string>>;
  readonly summary?: string;
  readonly whatToDo?: string;
  readonly channel?: readonly string[];
  readonly disabled?: true;
  readonly enabled?: true;
}

const SEVERITY = {
  info: AlertSeverity.INFO,
  warning: AlertSeverity.WARNING,
  critical: AlertSeverity.CRITICAL,
} as const;

function putCommand(io: Io): Command {
  const command = new Command("put")
    .description("store a rule of alerts, or change the one of this name")
    .argument("<name>", "1 to 64 of a-z 0-9 -, beginning with a letter")
    .option("--metric <name>", "what is watched: ccsp alert signals lists it", someText)
    .option("--when <condition>", "compares the value, such as '>= 0.8'", when)
    .option("--match <label=value>", "only with this label, or label!=value; may be repeated", matcher)
    .option("--for <time>", "fires when the condition has held this long, such as 5m", durationMs)
    .option("--keep <time>", "ends when it has not held this long (a new rule: 5m)", durationMs)
    .addOption(new Option("--severity <how>", "how urgent it is (a new rule: warning)").choices(Object.keys(SEVERITY)))
    .option("--summary <text>", "one line; {value}, {threshold} and {LABEL} are filled in", someText)
    .option("--what-to-do <text>", "what a person should do")
    .option("--label <key=value>", "a label of its alerts, may be repeated", label)
    .option("--channel <name>", "who is told, may be repeated (default: as notification decides)", repeated)
    .option("--disabled", "switch the rule off")
    .option("--enabled", "switch the rule on again")
    .option("--file <path>", "read the rule from this file, as -o yaml or -o json prints it");
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
What no option names stays as it is in the rule of this name. To return to a
built-in rule, delete yours. Needs the scope monitor:manage.

Examples:
  ccsp alert put usage-80 --when '>= 0.7' --channel mail
  ccsp alert put queue-age-low --disabled
  ccsp alert put errors-of-codex --metric run_error_share --match engine=codex \\
    --when '> 0.05' --for 10m --severity critical \\
    --summary '{value} of the runs of {engine} fail'`,
    )
    .action(async (name: string, options: PutOptions) => {
      if (options.disabled && options.enabled) throw new CliError(EXIT.usage, "--disabled and --enabled: give one");
      const { file } = options;
      const from = `--file ${file}`;
      const read = file === undefined ? {} : await readRule(textOf(await readInputFile("--file", file), from), from);
      const { rule } = await atGateway(io, options, async (gateway) => {
        const { rules } = await gateway.listAlertRules({});
        const before = rules.find((each) => each.rule?.name === name)?.rule;
        const fresh = AlertRule.fromPartial({ severity: AlertSeverity.WARNING, summary: `${name}: {value}` });
        const rule = { ...(before ?? fresh), ...read, ...changesOf(options), name };
        return gateway.putAlertRule({ rule }).catch((error: unknown) => {
          // A file has fields, not options.
          throw file === undefined ? withOptionNames(error) : error;
        });
      });
      if (rule === undefined) return;
      const json = () => messageJson("ccsp.monitor.v1.AlertRuleStatus", rule);
      await showOne(io, options, { json, name, lines: () => ruleLines(rule) });
    });
}

const repeated = (value: string, before: readonly string[] = []): readonly string[] => [...before, someText(value)];

/** The fields that options name. */
function changesOf(options: PutOptions): Partial<AlertRule> {
  const { metric, match, for: forMs, keep, severity, label: labels, summary, whatToDo, channel } = options;
  return {
    ...(metric !== undefined && { metric }),
    ...options.when,
    ...(match && { matchers: [...match] }),
    ...(forMs !== undefined && { fireAfter: toDuration(forMs) }),
    ...(keep !== undefined && { keepFiringFor: toDuration(keep) }),
    ...(severity && { severity: SEVERITY[severity] }),
    ...(labels && { labels: { ...labels } }),
    ...(summary !== undefined && { summary }),
    ...(whatToDo !== undefined && { whatToDo }),
    ...(channel && { channels: [...channel] }),
    ...(options.disabled && { disabled: true }),
    ...(options.enabled && { disabled: false }),
  };
}

function deleteCommand(io: Io): Command {
  const command = new Command("delete")
    .description("delete a rule that was stored; a built-in one of its name holds again")
    .argument("<name>");
  return withConnection(command, FORMATS)
    .addHelpText("after", "\nIts alerts end. Needs the scope monitor:manage.\n\nExample:\n  ccsp alert delete usage-80")
    .action(async (name: string, options: ConnectionOptions) => {
      const { rule } = await atGateway(io, options, (gateway) => gateway.deleteAlertRule({ name }));
      const line = rule ? `${name} is the built-in rule again` : `${name} is deleted`;
      await showOne(io, options, {
        json: () => ({ deleted: name, builtIn: rule !== undefined }),
        name,
        lines: () => [line],
      });
    });
}

function testCommand(io: Io): Command {
  const command = new Command("test")
    .description("tell of an alert of a rule and of its end, as a test")
    .argument("<name>");
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
People are told as if it had happened, with the label test=true, also while a
silence holds. Needs the scope monitor:manage.

Example:
  ccsp alert test usage-95`,
    )
    .action(async (name: string, options: ConnectionOptions) => {
      const { alert } = await atGateway(io, options, (gateway) => gateway.testAlertRule({ name }));
      if (alert === undefined) return;
      const json = () => messageJson("ccsp.monitor.v1.Alert", alert);
      await showOne(io, options, {
        json,
        name: alert.id,
        lines: () => [`told: ${alert.summary}`, "and that it ended"],
      });
    });
}

function silenceCommand(io: Io): Command {
  const command = new Command("silence")
    .description("tell nobody of some alerts for a time; they are still listed")
    .requiredOption("--match <label=value>", "alerts with this label, rule or severity; may be repeated", matcher)
    .requiredOption("--for <time>", "how long, such as 2h, from 1m to 90d", durationMs)
    .requiredOption("--why <text>", "why");
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
An alert has to match all of them. One that still fires when the silence ends
is told of then. Needs the scope monitor:manage.

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
