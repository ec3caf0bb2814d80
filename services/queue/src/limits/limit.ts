import { isAccount } from "../application/read-gates.js";
import { isAgentId } from "../domain/fields/ids.js";
import { type Order, type Rate, setFor } from "../domain/order/order.js";

/** A weight, or a rate. */
export type LimitValue = number | Rate;

/** A limit that overrides a setting until it ends or is reset. Times are ms since 1970. */
export interface SetLimit {
  readonly value: LimitValue;
  readonly who: string;
  readonly why: string;
  readonly set: number;
  /** Absent: it has no end. */
  readonly until?: number;
  /** A program has set it by itself. */
  readonly automatic: boolean;
}

/** By name: see `Limit` in the contract. */
export type SetLimits = ReadonlyMap<string, SetLimit>;

/** The values that the operator allows. */
export interface LimitRanges {
  readonly weights: Range;
  readonly starts: Range;
  readonly tokens: Range;
}

export interface Range {
  readonly min: number;
  /** Infinity: no bound. */
  readonly max: number;
}

/** Each claim sends all limits to Redis, so their number is bounded. */
export const MOST_LIMITS = 500;

/** What a limit is on. `name` is the name of an agent, an engine or a class, `ENGINE/ACCOUNT`, or `*`. */
export interface LimitSubject {
  readonly kind: "weight/class" | "weight/agent" | "rate/engine" | "rate/account" | "rate/agent";
  readonly name: string;
}

/** Undefined for a name that no limit has. */
export function subjectOf(limit: string, engines: readonly string[]): LimitSubject | undefined {
  const [what, of, name = "", ...rest] = limit.split("/");
  const kind = `${what}/${of}`;
  const account = rest[0];
  if (kind === "rate/account") {
    if (name === "*" && rest.length === 0) return { kind, name };
    if (rest.length !== 1 || account === undefined) return undefined;
    return engines.includes(name) && isAccount(account) ? { kind, name: `${name}/${account}` } : undefined;
  }
  if (rest.length > 0) return undefined;
  if (kind === "weight/class") return ["high", "normal", "low"].includes(name) ? { kind, name } : undefined;
  if (kind === "weight/agent") return isAgentId(name) ? { kind, name } : undefined;
  if (kind === "rate/engine") return name === "*" || engines.includes(name) ? { kind, name } : undefined;
  if (kind === "rate/agent") return name === "*" || isAgentId(name) ? { kind, name } : undefined;
  return undefined;
}

/** The limits that have not ended. */
export const inForce = (limits: SetLimits, nowMs: number): SetLimits =>
  new Map([...limits].filter(([, { until = Number.POSITIVE_INFINITY }]) => until > nowMs));

/**
 * The order of the settings with these limits in place of them. A limit that this release does not know is left out.
 * Urgent tasks above their bound have the weight of high.
 */
export function withLimits(order: Order, limits: SetLimits, engines: readonly string[]): Order {
  const weights = { ...order.weights };
  const agentWeights = { ...order.agentWeights };
  const rates = {
    "rate/engine": { ...order.engineRates },
    "rate/account": { ...order.accountRates },
    "rate/agent": { ...order.agentRates },
  };
  for (const [limit, { value }] of limits) {
    const subject = subjectOf(limit, engines);
    if (subject === undefined) continue;
    const { kind, name } = subject;
    if (typeof value === "number") {
      if (kind === "weight/agent") agentWeights[name] = value;
      if (kind === "weight/class" && (name === "high" || name === "normal" || name === "low")) weights[name] = value;
    } else if (kind === "rate/engine" || kind === "rate/account" || kind === "rate/agent") rates[kind][name] = value;
  }
  return {
    ...order,
    weights: { ...weights, urgent: weights.high },
    agentWeights,
    engineRates: rates["rate/engine"],
    accountRates: rates["rate/account"],
    agentRates: rates["rate/agent"],
  };
}

const ANY: Rate = [0, 0];

/** The value of a limit in this order. Without a setting, an agent's weight is 1, and a rate has no bound. */
export function valueIn(order: Order, { kind, name }: LimitSubject): LimitValue {
  const rate = (rates: Readonly<Record<string, Rate>>): Rate => setFor(rates, name) ?? rates["*"] ?? ANY;
  switch (kind) {
    case "weight/class":
      return name === "high" || name === "normal" || name === "low" ? order.weights[name] : 1;
    case "weight/agent":
      return setFor(order.agentWeights, name) ?? 1;
    case "rate/engine":
      return rate(order.engineRates);
    case "rate/account":
      return rate(order.accountRates);
    case "rate/agent":
    default:
      return rate(order.agentRates);
  }
}

/** The names of the limits that have a setting. */
export function namesIn(order: Order): string[] {
  const of = (kind: LimitSubject["kind"], named: Readonly<Record<string, unknown>>) =>
    Object.keys(named).map((name) => `${kind}/${name}`);
  return [
    ...["high", "normal", "low"].map((name) => `weight/class/${name}`),
    ...of("weight/agent", order.agentWeights),
    ...of("rate/engine", order.engineRates),
    ...of("rate/account", order.accountRates),
    ...of("rate/agent", order.agentRates),
  ];
}
