import {
  AlertRule,
  type AlertRuleStatus,
  AlertSeverity,
  type LabelMatcher,
} from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { wordsOf } from "@ccsp/protos/words.js";
import { Command, Option } from "commander";
import { readRule } from "../alert/read-rule.js";
import { matcher, type When, when } from "../alert/rule-options.js";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { readInputFile, textOf } from "../input/read-input.js";
import { durationMs, label, someText } from "../options/option-values.js";
import { FORMATS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { RULE_COLUMNS, ruleLines } from "../tables/alerts.js";

/** The commands about the rules of alerts, in the order in which help lists them. */
export const alertRuleCommands = (io: Io): readonly Command[] => [
  rulesCommand(io),
  putCommand(io),
  deleteCommand(io),
  testCommand(io),
];

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

const SEVERITY = wordsOf(AlertSeverity);

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
    .option("--channel <name>", "who is notified, may be repeated (default: as notification decides)", repeated)
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
        return gateway.putAlertRule({ rule }).catch(async (error: unknown) => {
          const { withOptionNames } = await import("../alert/fault-options.js"); // loads gRPC
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
    .description("send the notices of an alert of a rule and of its end, as a test")
    .argument("<name>");
  return withConnection(command, FORMATS)
    .addHelpText(
      "after",
      `
People are notified as if it had happened, with the label test=true, also
during a silence. Needs the scope monitor:manage.

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
        lines: () => [`sent: ${alert.summary}`, "and its end"],
      });
    });
}
