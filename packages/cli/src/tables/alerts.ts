import {
  type Alert,
  type AlertRuleStatus,
  AlertSeverity,
  AlertState,
  type SignalMetric,
  type Silence,
} from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { conditionSign, matcherWords } from "../alert/rule-options.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { ageWords, durationWords, wrapped, zonedTime } from "../output/words.js";

const severityOf = (severity: AlertSeverity): string =>
  AlertSeverity[severity]?.toLowerCase() ?? `severity ${severity}`;

/** Labels as people write them: `a=b c=d`. */
const labelWords = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");

const alertState = ({ state, silencedBy }: Alert): string =>
  silencedBy.length > 0 ? "SILENCED" : (AlertState[state] ?? `state ${state}`);

export const ALERT_COLUMNS: readonly Column<Alert>[] = [
  { header: "STATE", value: alertState, colour: stateColour },
  { header: "SEVERITY", value: ({ severity }) => severityOf(severity), colour: stateColour },
  { header: "AGE", value: ({ startTime }) => ageWords(startTime), align: "right" },
  { header: "RULE", value: ({ rule }) => rule, min: 12 },
  { header: "SUMMARY", value: ({ summary }) => summary, min: 20 },
  { header: "SINCE", value: ({ startTime }) => zonedTime(startTime), only: "wide" },
  { header: "LABELS", value: ({ labels }) => labelWords(labels), only: "wide" },
  { header: "SILENCED BY", value: ({ silencedBy }) => silencedBy.join(" "), only: "wide" },
  { header: "ID", value: ({ id }) => id, only: "wide" },
];

/** What a rule watches, such as `queue_oldest_wait_seconds{class=low}`. */
function watchedWords({ rule }: AlertRuleStatus): string {
  const { metric = "", matchers = [] } = rule ?? {};
  return matchers.length === 0 ? metric : `${metric}{${matchers.map(matcherWords).join(",")}}`;
}

/** When it fires, such as `> 14400 for 5 min`. */
function whenWords({ rule }: AlertRuleStatus): string {
  if (rule === undefined) return "";
  const { condition, threshold, fireAfter } = rule;
  const ms = fireAfter ? durationMs(fireAfter) : 0;
  return `${conditionSign(condition)} ${threshold}${ms === 0 ? "" : ` for ${durationWords(ms)}`}`;
}

function ruleState({ rule, stored, builtIn, fault, firing, pending }: AlertRuleStatus): string {
  if (rule?.disabled) return "off";
  if (fault !== "") return "not judged";
  if (firing > 0) return `${firing} firing`;
  if (pending > 0) return `${pending} pending`;
  return stored && builtIn ? "changed" : "ok";
}

export const RULE_COLUMNS: readonly Column<AlertRuleStatus>[] = [
  { header: "RULE", value: ({ rule }) => rule?.name ?? "", min: 12 },
  { header: "SEVERITY", value: ({ rule }) => (rule ? severityOf(rule.severity) : ""), colour: stateColour },
  { header: "STATE", value: ruleState },
  { header: "FIRES WHEN", value: whenWords },
  { header: "WATCHES", value: watchedWords, min: 14, wanted: 24 },
  { header: "CHANGED BY", value: ({ changedBy }) => changedBy, min: 8, drop: 1 },
  { header: "TELLS", value: ({ rule }) => rule?.channels.join(" ") ?? "", only: "wide" },
  { header: "WHY NOT JUDGED", value: ({ fault }) => fault, only: "wide" },
];

/** A rule in full. */
export function ruleLines(status: AlertRuleStatus): readonly string[] {
  const { rule, builtIn, stored, changedBy, changeTime, fault } = status;
  if (rule === undefined) return [];
  const keep = rule.keepFiringFor ? durationMs(rule.keepFiringFor) : 0;
  const origin = builtIn ? "built in" : "made by an operator";
  return [
    `${rule.name}: ${severityOf(rule.severity)}, ${ruleState(status)}`,
    `fires when  ${watchedWords(status)} ${whenWords(status)}`,
    `ends        ${durationWords(keep)} after it no longer holds`,
    `summary     ${rule.summary}`,
    ...(rule.whatToDo === "" ? [] : `what to do  ${wrapped(rule.whatToDo.split(/\s+/), 12)}`.split("\n")),
    ...(Object.keys(rule.labels).length === 0 ? [] : [`labels      ${labelWords(rule.labels)}`]),
    `notifies    ${rule.channels.length === 0 ? "as the notification service decides" : rule.channels.join(" ")}`,
    `origin      ${origin}${stored ? `; stored by ${changedBy}, ${zonedTime(changeTime)}` : ""}`,
    ...(fault === "" ? [] : [`not judged  ${fault}`]),
  ];
}

export const SILENCE_COLUMNS: readonly Column<Silence>[] = [
  { header: "SILENCE", value: ({ id }) => id },
  { header: "ENDS", value: ({ endTime }) => zonedTime(endTime) },
  { header: "ALERTS", value: ({ matchers }) => matchers.map(matcherWords).join(" "), min: 16 },
  { header: "WHO", value: ({ who }) => who, min: 6, drop: 1 },
  { header: "WHY", value: ({ reason }) => reason, min: 8 },
];

export interface SignalRow {
  readonly metric: SignalMetric;
  readonly value: SignalMetric["values"][number] | undefined;
}

/** One row per value, and one for a metric that has none. */
export const signalRows = (metrics: readonly SignalMetric[]): readonly SignalRow[] =>
  metrics.flatMap((metric): SignalRow[] =>
    metric.values.length === 0 ? [{ metric, value: undefined }] : metric.values.map((value) => ({ metric, value })),
  );

export const SIGNAL_COLUMNS: readonly Column<SignalRow>[] = [
  { header: "METRIC", value: ({ metric }) => metric.name },
  {
    header: "VALUE",
    value: ({ metric, value }) =>
      value ? String(Number(value.value.toPrecision(6))) : metric.fault === "" ? "-" : "unknown",
    align: "right",
  },
  {
    header: "LABELS",
    value: ({ metric, value }) => (value ? labelWords(value.labels) : metric.labels.join(" ")),
    min: 12,
  },
  { header: "WHAT IT IS", value: ({ metric }) => metric.help, only: "wide" },
  { header: "WHY UNKNOWN", value: ({ metric }) => metric.fault, min: 10, drop: 1 },
];
