import type { Pressure } from "./pressure.js";

/**
 * Slows one subject down before it reaches a limit, and lets go again. It is AIMD (Chiu and Jain, 1989) with a dead
 * band: the rate falls by a factor when the forecast is above the band, grows by steps when the forecast is below the
 * band, and stays when it is inside. No step up crosses the band, so a steady demand comes to rest. See ADR 18.
 *
 * These are plain functions of a state and an observation: no clock, no randomness.
 */
export interface Slowed {
  /** Starts per minute that are allowed. */
  readonly rate: number;
  /** Starts per minute when the slowing began. The subject is let go when the rate is above this and not used up. */
  readonly base: number;
  /** When the rate changed last (ms since 1970). */
  readonly changedMs: number;
  /** Since when the forecast is below the band (ms since 1970). Undefined: it is not. */
  readonly calmMs?: number | undefined;
  /**
   * The gate is closed too, because the least rate was still too fast: the share that was used then. Absent: it is open.
   */
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
const MINUTE_MS = 60_000;
/** Least time between two steps down: a forecast follows the rate only after minutes. */
const DOWN_EVERY_MS = 10 * MINUTE_MS;
/** Least time of calm before the first step up, and between two. */
const UP_EVERY_MS = 5 * MINUTE_MS;
/** A step down leaves at least this share of the starts, and takes at least a tenth. */
const LEAST_FACTOR = 0.5;
const GREATEST_FACTOR = 0.9;
/** The rate is never below this share of `base`, so that work goes on. */
const LEAST_SHARE_OF_BASE = 0.05;
/** A step up is at most this factor, which is less than the width of the band (0.9 / 0.75). */
const SMALL_STEP_UP = 1.15;
/** A closed gate opens when the used share has fallen by this. */
const OPEN_BELOW = 0.05;
/** A subject that starts at least this share of its rate is held back by it. */
const BINDING_SHARE = 0.8;
/** When the forecast is far below the band, a step up is at most this share of `base`. */
const LARGE_STEP_UP = 0.25;

/** The band inside which the rate stays. It narrows towards the limit, so that a used-up limit is approached slowly. */
export function bandOf(usedShare: number): { readonly low: number; readonly high: number } {
  const left = Math.max(0, 1 - usedShare);
  return {
    low: Math.max(LEAVE_SHARE, usedShare + 0.3 * left),
    high: Math.max(ENTER_SHARE, usedShare + 0.6 * left),
  };
}

/**
 * Decides about one subject, from its most pressing limit.
 *
 * @param pressure Undefined: no limit is near, or none is known.
 */
export function step(
  state: Slowed | undefined,
  pressure: Pressure | undefined,
  { nowMs, range }: { readonly nowMs: number; readonly range: StartRange },
): Stepped {
  if (state === undefined) return enter(pressure, { nowMs, range });
  const { usedShare = 0, predictedShare = 0 } = pressure ?? {};
  const { low, high } = bandOf(usedShare);
  if (state.closedAt !== undefined) {
    // While nothing starts, the forecast only repeats what is used. So the gate opens when the limit has turned.
    if (pressure !== undefined && usedShare > state.closedAt - OPEN_BELOW) return { state };
    const reason = `opened: ${pressure ? reasonOf(pressure) : "no limit is near"}`;
    const decision = { what: "gate" as const, before: 1, after: 0, reason };
    return { state: { ...state, closedAt: undefined, changedMs: nowMs }, decision };
  }
  if (pressure !== undefined && predictedShare >= high) {
    const held = { ...state, calmMs: undefined };
    if (nowMs - state.changedMs < DOWN_EVERY_MS) return { state: held };
    const rate = Math.min(state.rate, slower(pressure, state.base, range));
    if (rate >= state.rate) {
      if (predictedShare < 1 || state.rate > leastRate(state.base, range)) return { state: held };
      const reason = `closed: ${reasonOf(pressure)}, at the least rate`;
      return {
        state: { ...held, closedAt: usedShare, changedMs: nowMs },
        decision: { what: "gate", before: 0, after: 1, reason },
      };
    }
    const decision = {
      what: "rate" as const,
      before: state.rate,
      after: rate,
      reason: `slower: ${reasonOf(pressure)}`,
    };
    return { state: { ...held, rate, changedMs: nowMs }, decision };
  }
  if (predictedShare >= low) return { state: { ...state, calmMs: undefined } };

  const calmMs = state.calmMs ?? nowMs;
  const calm = { ...state, calmMs };
  if (nowMs - Math.max(calmMs, state.changedMs) < UP_EVERY_MS) return { state: calm };
  const rate = faster(state, pressure, low);
  const reason = pressure ? reasonOf(pressure) : "no limit is near";
  if (rate > range.max || (rate >= state.base && !isBinding(state, pressure))) {
    return {
      state: undefined,
      decision: { what: "rate", before: state.rate, after: undefined, reason: `let go: ${reason}` },
    };
  }
  return {
    state: { ...calm, rate, changedMs: nowMs },
    decision: { what: "rate", before: state.rate, after: rate, reason: `faster: ${reason}` },
  };
}

function enter(
  pressure: Pressure | undefined,
  { nowMs, range }: { readonly nowMs: number; readonly range: StartRange },
): Stepped {
  // A subject that starts nothing cannot be slowed down.
  if (pressure === undefined || pressure.startsPerMinute <= 0) return { state: undefined };
  const { usedShare, predictedShare, startsPerMinute: base } = pressure;
  if (predictedShare < bandOf(usedShare).high) return { state: undefined };
  const rate = slower(pressure, base, range);
  if (rate >= base) return { state: undefined };
  const decision = { what: "rate" as const, before: undefined, after: rate, reason: `slower: ${reasonOf(pressure)}` };
  return { state: { rate, base, changedMs: nowMs }, decision };
}

/**
 * The rate with which the forecast would come into the middle of the band, if usage grows with the starts. It follows
 * from the starts that are seen and not from the rate that was set, so it also comes to rest when it runs dry.
 */
function slower({ usedShare, predictedShare, startsPerMinute }: Pressure, base: number, range: StartRange): number {
  const { low, high } = bandOf(usedShare);
  const factor = ((low + high) / 2 - usedShare) / Math.max(predictedShare - usedShare, 1e-9);
  const rate = startsPerMinute * Math.min(GREATEST_FACTOR, Math.max(LEAST_FACTOR, factor));
  return Math.min(range.max, Math.max(leastRate(base, range), rate));
}

const leastRate = (base: number, range: StartRange): number => Math.max(range.min, base * LEAST_SHARE_OF_BASE);

/** The next step up: large only while the forecast with it stays below the band. */
function faster({ rate, base }: Slowed, pressure: Pressure | undefined, low: number): number {
  const { usedShare = 0, predictedShare = 0 } = pressure ?? {};
  const growth = predictedShare - usedShare;
  // When nothing started lately, the forecast says nothing about the rate. That is harmless unless little is left.
  const unknown = usedShare >= ENTER_SHARE ? rate : Number.POSITIVE_INFINITY;
  const toBand = growth > 0 ? rate * ((low - usedShare) / growth) : unknown;
  return Math.max(rate * SMALL_STEP_UP, Math.min(toBand, rate + base * LARGE_STEP_UP));
}

/** The subject starts nearly as much as it may, so more work would start at once without the bound. */
const isBinding = ({ rate }: Slowed, pressure: Pressure | undefined): boolean =>
  (pressure?.startsPerMinute ?? 0) >= rate * BINDING_SHARE;

const percent = (share: number): string => `${Math.round(share * 100)} %`;

const reasonOf = ({ scope, usedShare, predictedShare }: Pressure): string =>
  `${percent(usedShare)} of ${scope} is used, and ${percent(predictedShare)} is forecast within the hour`;
