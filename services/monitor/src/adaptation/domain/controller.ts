import type { Pressure } from "./pressure.js";

/**
 * Slows one subject down before it reaches a limit, and lets go again. A forecast says that the limit will be reached.
 * From then on the rate follows from what is left: as many starts as fill the limit until it turns. So the rate does not
 * depend on a forecast that itself depends on the rate, which made earlier controllers swing. Starts that are not used
 * make the rate grow, and only usage that nobody expected makes it fall. See ADR 18.
 *
 * These are plain functions of a state and an observation: no clock, no randomness.
 */
export interface Slowed {
  /** Starts per minute that are allowed. */
  readonly rate: number;
  /** Starts per minute when the slowing began. */
  readonly base: number;
  /** When the rate changed last (ms since 1970). */
  readonly changedMs: number;
  /** Since when the subject has used less than its rate, and no limit presses (ms since 1970). Undefined: it has not. */
  readonly calmMs?: number | undefined;
  /** The limit that is shared out, by its name in reasons. Absent: 0.3.0 slowed it down. */
  readonly scope?: string | undefined;
  /** The gate is closed too, because the limit is nearly used up: the share that was used then. Absent: it is open. */
  readonly closedAt?: number | undefined;
}

/** A change. For a rate: starts per minute, and undefined means no bound. For a gate: 1 is closed and 0 is open. */
export interface Decision {
  readonly what: "rate" | "gate";
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly reason: string;
}

export interface Stepped {
  /** Undefined: the subject is not slowed. */
  readonly state: Slowed | undefined;
  /** Absent: nothing changes. */
  readonly decision?: Decision;
}

/** The operator's range of starts per minute. */
export interface StartRange {
  readonly min: number;
  readonly max: number;
}

/** A forecast above this share of the limit begins the slowing: seed.md, adaptiveThrottling. */
const ENTER_SHARE = 0.9;
/** A forecast below this share lets go. */
const LEAVE_SHARE = 0.75;
/** The share that is used when the limit turns. The gate closes here, because the next start may be refused. */
const FULL_SHARE = 0.995;
const MINUTE_MS = 60_000;
/** When a limit turns is not known: it is shared out over an hour, again and again. */
const UNKNOWN_TURN_MS = 60 * MINUTE_MS;
/** Least time between two changes. */
const CHANGE_EVERY_MS = 5 * MINUTE_MS;
/** A change is worth it if the rate differs by this share, and if this share of the limit depends on it. */
const LEAST_CHANGE = 0.15;
const LEAST_SHARE = 0.01;
/** A subject that starts at least this share of its rate is held back by it. */
const BINDING_SHARE = 0.8;
/** How long a subject has to be calm. The forecast looks back an hour, so it then says what comes without the rate. */
const LEAVE_AFTER_MS = 60 * MINUTE_MS;
/** A closed gate opens when the used share has fallen by this. */
const OPEN_BELOW = 0.05;

/** The forecast from which on a limit presses: higher towards the limit, so that its last part is used too. */
export const pressesFrom = (usedShare: number): number => Math.max(ENTER_SHARE, usedShare + 0.6 * (1 - usedShare));

const presses = ({ usedShare, predictedShare }: Pressure): boolean => predictedShare >= pressesFrom(usedShare);

/** Whether this rate, from now on, needs more than is left of the limit, by a start at least. */
const exceeds = (pressure: Pressure, rate: number, nowMs: number): boolean =>
  rate * minutesLeft(pressure, nowMs) > (1 - pressure.usedShare) * pressure.fillingStarts + 1;

const minutesLeft = ({ turnMs }: Pressure, nowMs: number): number =>
  Math.max(MINUTE_MS, (turnMs ?? nowMs + UNKNOWN_TURN_MS) - nowMs) / MINUTE_MS;

/** The starts per minute that use the rest of the limit until it turns. */
const paceOf = (pressure: Pressure, nowMs: number): number =>
  (Math.max(0, FULL_SHARE - pressure.usedShare) * pressure.fillingStarts) / minutesLeft(pressure, nowMs);

/**
 * Decides about one subject.
 *
 * @param pressures are its limits, as far as they are known
 */
export function step(
  state: Slowed | undefined,
  pressures: readonly Pressure[],
  { nowMs, range }: { readonly nowMs: number; readonly range: StartRange },
): Stepped {
  const bounded = (pressure: Pressure): number => Math.min(range.max, Math.max(range.min, paceOf(pressure, nowMs)));
  const least = (of: readonly Pressure[]): Pressure | undefined =>
    of.toSorted((a, b) => paceOf(a, nowMs) - paceOf(b, nowMs))[0];
  const pressing = pressures.filter(presses);
  if (state === undefined) {
    const pressure = least(pressing);
    // A subject that starts less than it may cannot be slowed down.
    if (pressure === undefined || bounded(pressure) >= pressure.startsPerMinute) return { state: undefined };
    const [rate, reason] = [bounded(pressure), `slower: ${reasonOf(pressure)}`];
    return {
      state: { rate, base: pressure.startsPerMinute, changedMs: nowMs, scope: pressure.scope },
      decision: { what: "rate", before: undefined, after: rate, reason },
    };
  }

  // Release 0.3.0 did not store which limit had closed the gate.
  const unnamed = state.closedAt !== undefined && state.scope === undefined;
  // The limit that was shared out counts, whatever its forecast: that is low because of the rate.
  const pressure = least(pressures.filter((each) => unnamed || each.scope === state.scope || presses(each)));
  const used = pressure?.usedShare ?? 0;
  if (state.closedAt !== undefined) {
    if (used > state.closedAt - OPEN_BELOW) return { state };
    const reason = `opened: ${pressure ? reasonOf(pressure) : "no limit is near"}`;
    const opened = { ...state, closedAt: undefined, changedMs: nowMs - CHANGE_EVERY_MS };
    return { state: opened, decision: { what: "gate", before: 1, after: 0, reason } };
  }
  if (pressure !== undefined && used >= FULL_SHARE && exceeds(pressure, state.rate, nowMs))
    return {
      state: { ...state, scope: pressure.scope, calmMs: undefined, closedAt: used, changedMs: nowMs },
      decision: { what: "gate", before: 0, after: 1, reason: `closed: ${reasonOf(pressure)}` },
    };

  const binding = pressure !== undefined && pressure.startsPerMinute >= state.rate * BINDING_SHARE;
  const calm = !binding && pressures.every(({ predictedShare }) => predictedShare < LEAVE_SHARE);
  const next = { ...state, calmMs: calm ? (state.calmMs ?? nowMs) : undefined };
  const letGo = next.calmMs !== undefined && nowMs - next.calmMs >= LEAVE_AFTER_MS;
  if (letGo || (pressure && paceOf(pressure, nowMs) > range.max)) {
    const reason = `let go: ${pressure ? reasonOf(pressure) : "no limit is near"}`;
    return { state: undefined, decision: { what: "rate", before: state.rate, after: undefined, reason } };
  }
  if (pressure === undefined || nowMs - state.changedMs < CHANGE_EVERY_MS) return { state: next };
  const rate = bounded(pressure);
  const by = Math.abs(rate - state.rate);
  const share = (by * minutesLeft(pressure, nowMs)) / pressure.fillingStarts;
  if (by < LEAST_CHANGE * state.rate || share < LEAST_SHARE || (rate > state.rate && !binding)) return { state: next };
  const reason = `${rate < state.rate ? "slower" : "faster"}: ${reasonOf(pressure)}`;
  return {
    state: { ...next, rate, changedMs: nowMs, scope: pressure.scope },
    decision: { what: "rate", before: state.rate, after: rate, reason },
  };
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

const reasonOf = ({ scope, usedShare, predictedShare }: Pressure): string =>
  `${percent(usedShare)} of ${scope} is used, and ${percent(predictedShare)} is forecast within the hour`;
