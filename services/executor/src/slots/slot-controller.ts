/**
 * Decides how many runs of an engine this host may have at once. It is AIMD (Chiu and Jain, 1989): one slot more while
 * work waits and the host is idle, a quarter fewer under pressure. It remembers the number under which the host
 * suffered, and tries it again only after a pause that doubles. So it comes to rest. See ADR 18.
 *
 * It is a plain function of a state and an observation: no clock, no randomness.
 */
export interface SlotState {
  readonly slots: number;
  /** When the slots changed last (ms). */
  readonly changedMs: number;
  /** Since when the host is under pressure (ms). Absent: it is not. */
  readonly pressedMs?: number | undefined;
  /** A number of slots that was too many, when it may be tried again (ms), and the pause until then. */
  readonly ceiling?: { readonly slots: number; readonly untilMs: number; readonly pauseMs: number } | undefined;
}

/** What the executor sees. A number that is not known is undefined. */
export interface HostObservation {
  readonly running: number;
  /** Tasks that wait for the engine at the queue. */
  readonly waiting: number;
  readonly oldestAgeMs: number;
  /** Share of the processors that are busy, of those that this executor may use. */
  readonly cpuShare: number | undefined;
  /** Share of the memory that is used, of what this executor may use. */
  readonly memoryShare: number | undefined;
  /** Memory of the executor's own process. */
  readonly serviceBytes: number;
  /** Time to the first text of the last runs, and usually. */
  readonly firstText: { readonly recentMs: number; readonly usualMs: number } | undefined;
}

export interface SlotRules {
  readonly min: number;
  readonly max: number;
  /** Below `idle` the host has room for larger steps. Above `busy` it is under pressure. */
  readonly cpu: { readonly idle: number; readonly busy: number };
  /** From `good` on the slots do not grow. Above `most` the executor is under pressure. */
  readonly serviceBytes: { readonly good: number; readonly most: number };
  /** Work waits when so many tasks wait, or when one waits for so long. */
  readonly waiting: number;
  readonly delayMs: number;
  /** First texts that come this much later than usual, and twice as late, are pressure. */
  readonly responseMs: number;
}

export interface SlotDecision {
  readonly before: number;
  readonly after: number;
  readonly reason: string;
}

const PRESSED_MS = 10_000;
const DOWN_EVERY_MS = 30_000;
const UP_EVERY_MS = 15_000;
const FIRST_PAUSE_MS = 5 * 60_000;
const LONGEST_PAUSE_MS = 4 * 60 * 60_000;
const DOWN_FACTOR = 0.75;
/** A step up must leave this share of the way to pressure. */
const MARGIN = 0.9;
const MEMORY = { good: 0.8, most: 0.9 };
/** First texts that are less late than this factor say nothing: the time of a model differs from run to run. */
const LATE_FACTOR = 2;

export function stepSlots(
  state: SlotState,
  seen: HostObservation,
  { nowMs, rules }: { readonly nowMs: number; readonly rules: SlotRules },
): { readonly state: SlotState; readonly decision?: SlotDecision } {
  const { slots, changedMs } = state;
  const pressure = pressureOf(seen, rules);
  if (pressure !== undefined) {
    const pressedMs = state.pressedMs ?? nowMs;
    const pressed = { ...state, pressedMs };
    const soon = nowMs - pressedMs < PRESSED_MS || nowMs - changedMs < DOWN_EVERY_MS;
    const after = Math.max(rules.min, Math.min(slots - 1, Math.floor(slots * DOWN_FACTOR)));
    if (soon || after >= slots) return { state: pressed };
    const ceiling = raisedCeiling(state, nowMs);
    return {
      state: { slots: after, changedMs: nowMs, pressedMs, ceiling },
      decision: { before: slots, after, reason: pressure },
    };
  }
  const free = { ...state, pressedMs: undefined };
  const waits = seen.waiting >= rules.waiting || (seen.waiting > 0 && seen.oldestAgeMs >= rules.delayMs);
  if (!waits || seen.running < slots || nowMs - changedMs < UP_EVERY_MS) return { state: free };
  const after = grown(free, seen, { nowMs, rules });
  if (after <= slots) return { state: free };
  const busy = seen.cpuShare === undefined ? "" : `, and ${percent(seen.cpuShare)} of the CPU is busy`;
  const reason = `${seen.waiting} tasks wait, the oldest for ${Math.round(seen.oldestAgeMs / 1_000)} s${busy}`;
  return { state: { ...free, slots: after, changedMs: nowMs }, decision: { before: slots, after, reason } };
}

/** Why the host is under pressure. Undefined: it is not. */
function pressureOf({ cpuShare, memoryShare, serviceBytes, firstText }: HostObservation, rules: SlotRules) {
  if (cpuShare !== undefined && cpuShare > rules.cpu.busy) return `${percent(cpuShare)} of the CPU is busy`;
  if (memoryShare !== undefined && memoryShare > MEMORY.most) return `${percent(memoryShare)} of the memory is used`;
  if (serviceBytes > rules.serviceBytes.most) return `the executor uses ${mebibytes(serviceBytes)} MiB`;
  if (firstText && isLate(firstText, rules, LATE_FACTOR)) {
    const { recentMs, usualMs } = firstText;
    return `the first text comes after ${Math.round(recentMs)} ms, and after ${Math.round(usualMs)} ms usually`;
  }
  return undefined;
}

const isLate = (
  { recentMs, usualMs }: NonNullable<HostObservation["firstText"]>,
  { responseMs }: SlotRules,
  factor: number,
): boolean => recentMs > usualMs + responseMs && recentMs > usualMs * factor;

/** The number after the next step up. It is not above the number of now when the host has no room. */
function grown(
  { slots, ceiling }: SlotState,
  { cpuShare, memoryShare, serviceBytes, firstText }: HostObservation,
  { nowMs, rules }: { readonly nowMs: number; readonly rules: SlotRules },
): number {
  // Without a measurement nobody knows what one more run does to the host.
  if (cpuShare === undefined || serviceBytes >= rules.serviceBytes.good) return slots;
  if (memoryShare !== undefined && memoryShare >= MEMORY.good) return slots;
  if (firstText && isLate(firstText, rules, (1 + LATE_FACTOR) / 2)) return slots;
  const most = ceiling && nowMs < ceiling.untilMs ? ceiling.slots - 1 : rules.max;
  // All slots are busy, so each has its share of the CPU.
  const room = cpuShare > 0 ? Math.floor((slots * rules.cpu.busy * MARGIN) / cpuShare) : rules.max;
  const more = cpuShare <= rules.cpu.idle ? Math.max(1, Math.floor(slots / 4)) : 1;
  return Math.min(rules.max, most, room, slots + more);
}

/** The same number again, or a smaller one, doubles the pause. */
function raisedCeiling({ slots, ceiling }: SlotState, nowMs: number): SlotState["ceiling"] {
  const again = ceiling !== undefined && slots <= ceiling.slots;
  const pauseMs = again ? Math.min(LONGEST_PAUSE_MS, ceiling.pauseMs * 2) : FIRST_PAUSE_MS;
  return { slots, untilMs: nowMs + pauseMs, pauseMs };
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
const mebibytes = (bytes: number): number => Math.round(bytes / 1024 ** 2);
