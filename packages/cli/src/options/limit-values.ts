import type { LimitValue } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { grouped } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";

const WEIGHT_FORM = "write it as a whole number of at least 1, such as 4";
const RATE_FORM = "write it as STARTS or STARTS/TOKENS a minute, such as 10, 0.5 or 10/50000; 0 is any number";

/** Parses the value of the limit with this name. Throws a CliError. */
export function limitValue(name: string, text: string): LimitValue {
  if (name.startsWith("weight/")) {
    if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new CliError(EXIT.usage, `${name}: ${WEIGHT_FORM}`);
    return { value: { $case: "weight", value: Number(text) } };
  }
  const [, starts, tokens = "0"] = /^([0-9]+(?:\.[0-9]+)?)(?:\/([0-9]+(?:\.[0-9]+)?))?$/.exec(text) ?? [];
  if (starts === undefined) throw new CliError(EXIT.usage, `${name}: ${RATE_FORM}`);
  const rate = { startsPerMinute: Number(starts), tokensPerMinute: Number(tokens) };
  return { value: { $case: "rate", value: rate } };
}

/** A value for people. */
export function limitWords(limit: LimitValue | undefined): string {
  const value = limit?.value;
  if (value === undefined) return "unknown";
  if (value.$case === "weight") return String(value.value);
  const { startsPerMinute: starts, tokensPerMinute: tokens } = value.value;
  const parts = [
    ...(starts > 0 ? [`${plain(starts)} starts/min`] : []),
    ...(tokens > 0 ? [`${plain(tokens)} tokens/min`] : []),
  ];
  return parts.length === 0 ? "any number" : parts.join(", ");
}

const plain = (amount: number): string =>
  amount < 10 ? String(Number(amount.toPrecision(3))) : grouped(Math.round(amount));
