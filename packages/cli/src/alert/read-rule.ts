import { parseDuration } from "@ccsp/config";
import { AlertCondition, AlertRule, AlertSeverity } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { CliError, EXIT } from "../process/exit.js";

type Fields = Readonly<Record<string, unknown>>;

const TEXT = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const NUMBER = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
const YES_NO = (value: unknown): boolean | undefined => (typeof value === "boolean" ? value : undefined);
const TEXTS = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every((each) => typeof each === "string") ? value : undefined;
const TIME = (value: unknown) => {
  const ms = typeof value === "string" ? parseDuration(value) : undefined;
  return ms === undefined ? undefined : toDuration(ms);
};
const LABELS = (value: unknown): Record<string, string> | undefined =>
  isFields(value) && Object.values(value).every((each) => typeof each === "string")
    ? Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]))
    : undefined;
const named = (values: object) => (value: unknown) => {
  const found = typeof value === "string" ? Object.entries(values).find(([name]) => name === value)?.[1] : undefined;
  return typeof found === "number" ? found : undefined;
};
const MATCHERS = (value: unknown) => {
  if (!Array.isArray(value)) return undefined;
  const read = value
    .filter(isFields)
    .flatMap(({ label, value: wanted = "", negated = false }) =>
      typeof label === "string" && typeof wanted === "string" && typeof negated === "boolean"
        ? [{ label, value: wanted, negated }]
        : [],
    );
  return read.length === value.length ? read : undefined;
};

/** How each field of a rule is read, by its name in JSON. */
const READ: Readonly<Record<keyof AlertRule, (value: unknown) => unknown>> = {
  name: TEXT,
  metric: TEXT,
  matchers: MATCHERS,
  condition: named(AlertCondition),
  threshold: NUMBER,
  fireAfter: TIME,
  keepFiringFor: TIME,
  severity: named(AlertSeverity),
  labels: LABELS,
  summary: TEXT,
  whatToDo: TEXT,
  channels: TEXTS,
  disabled: YES_NO,
};

/**
 * Reads a rule as `ccsp alert rules NAME -o yaml` or `-o json` prints it: the whole document, or its `rule` alone.
 *
 * @param from says where the text comes from, for errors
 */
export async function readRule(text: string, from: string): Promise<Partial<AlertRule>> {
  const { parse } = await import("yaml");
  const document = ((): unknown => {
    try {
      return parse(text);
    } catch (error) {
      throw wrong(from, error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
    }
  })();
  if (!isFields(document)) throw wrong(from, "it is not a rule");
  const rule = isFields(document["rule"]) ? document["rule"] : document;
  const fields = Object.entries(rule).map(([name, value]) => {
    const read = Object.entries(READ).find(([known]) => known === name)?.[1];
    if (read === undefined)
      throw wrong(from, `${name} is not a field of a rule; the fields are ${Object.keys(READ).join(", ")}`);
    const found = read(value);
    if (found === undefined) throw wrong(from, `${name} has a wrong value: ${JSON.stringify(value)}`);
    return [name, found] as const;
  });
  return Object.fromEntries(fields);
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const wrong = (from: string, why: string): CliError => new CliError(EXIT.usage, `${from}: ${why}`);
