import { AlertCondition, type LabelMatcher } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { InvalidArgumentError } from "commander";

/** How conditions are written, in commands and in tables. */
const SIGNS: ReadonlyMap<AlertCondition, string> = new Map([
  [AlertCondition.GREATER, ">"],
  [AlertCondition.AT_LEAST, ">="],
  [AlertCondition.LESS, "<"],
  [AlertCondition.AT_MOST, "<="],
]);

export const conditionSign = (condition: AlertCondition): string => SIGNS.get(condition) ?? "?";

export interface When {
  readonly condition: AlertCondition;
  readonly threshold: number;
}

/** For commander: `>= 0.8`. */
export function when(value: string): When {
  const [, sign, number = ""] = /^\s*([<>]=?)\s*(\S+)\s*$/.exec(value) ?? [];
  const condition = [...SIGNS].find(([, each]) => each === sign)?.[0];
  const threshold = Number(number);
  if (condition !== undefined && number !== "" && Number.isFinite(threshold)) return { condition, threshold };
  throw new InvalidArgumentError("Write it in quotes as '> 10', '>= 0.8', '< 5' or '<= 5'.");
}

/** For commander: `label=value`, or `label!=value` for every other value. The option may be repeated. */
export function matcher(value: string, before: readonly LabelMatcher[] = []): readonly LabelMatcher[] {
  const [, label = "", sign, wanted = ""] = /^([^=!]+)(!?=)(.*)$/s.exec(value) ?? [];
  if (label === "") throw new InvalidArgumentError("Write it as label=value, or as label!=value.");
  return [...before, { label, value: wanted, negated: sign === "!=" }];
}

export const matcherWords = ({ label, value, negated }: LabelMatcher): string =>
  `${label}${negated ? "!=" : "="}${value}`;
