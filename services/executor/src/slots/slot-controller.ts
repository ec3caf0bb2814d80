/**
 * Decides how many runs of an engine this host may have at once. It is AIMD (Chiu and Jain, 1989): one slot more while
 * work waits and the host is idle, up to a quarter fewer under pressure. It waits until a change has its effect before it
 * makes the next one. It remembers the number under which the host suffered, and tries it again only after a pause that
 * doubles. So it comes to rest. See ADR 18.
 *
 * It is a plain function of a state and an observation: no clock, no randomness.
 */
export interface SlotState {
  readonly slots: number;
  /** The slots that the operator has set. Late first texts take no more away than what was added to these. */
  readonly given: number;
  /** When the slots changed last, or when more ran than they allow. What was measured before says nothing of them. */
  readonly changedMs: number;
  /** The last change was one up. */
  readonly grew?: boolean;
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
  /** Share of the processors that are busy, of those that this executor may use: the average of the last minute. */
  readonly cpuShare: number | undefined;
  /** What one run takes of it, by the last five minutes. Undefined: nothing ran. */
  readonly cpuOfRun: number | undefined;
  /** Share of the memory that is used, of what this executor may use. */
  readonly memoryShare: number | undefined;
  /** Memory of the executor's own process. */
  readonly serviceBytes: number;
  /** Time to the first text of the last runs, and usually; and when the first of these last runs began. */
  readonly firstText: { readonly recentMs: number; readonly usualMs: number; readonly sinceMs: number } | undefined;
}

export interface SlotRules {
  readonly min: number;
  readonly max: number;
  /** Below `idle` the host has room for larger steps. Above `busy` it is under pressure. */
  readonly cpu: { readonly idle: number; readonly busy: number };
  /** From `good` on the slots do not grow. Above `most` the executor is under pressure. */
  readonly serviceBytes: { readonly good: number; readonly most: number };
  /** Work waits when this many tasks wait, or when one waits for this long. */
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
/** The measured shares are averages of a minute. Before it is over, they also include the runs before the change. */
const DOWN_EVERY_MS = 60_000;
const UP_EVERY_MS = 15_000;
const FIRST_PAUSE_MS = 5 * 60_000;
const LONGEST_PAUSE_MS = 4 * 60 * 60_000;
/** A step up after which there was no pressure for so long was right. */
const RIGHT_MS = 30 * 60_000;
/** What was too many is forgotten so long after its pause. */
const REMEMBERED_MS = 60 * 60_000;
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
  const { running } = seen;
  const { slots, given } = state;
  // Runs are not ended. Until the last change has its effect, the host's load is that of more runs than now may start.
  if (running > slots) return { state: { ...state, changedMs: nowMs, pressedMs: undefined } };
  const sinceMs = nowMs - state.changedMs;
  const pressure = pressureOf(seen, { changedMs: state.changedMs, rules });
  if (pressure !== undefined) {
    const pressedMs = state.pressedMs ?? nowMs;
    const least = Math.max(rules.min, pressure.late ? given : 0);
    // What runs is too much, whatever could run. Without runs, the load is of others.
    const factor = pressure.fits === undefined ? DOWN_FACTOR : Math.max(DOWN_FACTOR, pressure.fits);
    const after = Math.max(least, Math.min(running - 1, Math.floor(running * factor)));
    const soon = nowMs - pressedMs < PRESSED_MS || sinceMs < DOWN_EVERY_MS;
    if (soon || running === 0 || after >= slots) return { state: { ...state, pressedMs } };
    const ceiling = raisedCeiling(state, { slots: Math.max(running, after + 1), nowMs });
    return {
      state: { slots: after, given, changedMs: nowMs, ceiling },
      decision: { before: slots, after, reason: pressure.reason },
    };
  }
  const free = { ...state, pressedMs: undefined };
  const waits = seen.waiting >= rules.waiting || (seen.waiting > 0 && seen.oldestAgeMs >= rules.delayMs);
  if (!waits || running < slots || sinceMs < UP_EVERY_MS) return { state: free };
  const after = grown(free, seen, { nowMs, rules });
  if (after <= slots) return { state: free };
  const busy = seen.cpuShare === undefined ? "" : `, and ${percent(seen.cpuShare)} of the CPU is busy`;
  const reason = `${seen.waiting} tasks wait, the oldest for ${Math.round(seen.oldestAgeMs / 1_000)} s${busy}`;
  return { state: { ...free, slots: after, changedMs: nowMs, grew: true }, decision: { before: slots, after, reason } };
}

interface Pressure {
  readonly reason: string;
  /** The first texts are late, and nothing else. */
  readonly late?: true;
  /** The share of the runs with which the host would be well. Undefined: nobody knows. */
  readonly fits?: number;
}

/** Why the host is under pressure. Undefined: it is not. */
function pressureOf(
  { cpuShare, memoryShare, serviceBytes, firstText }: HostObservation,
  { changedMs, rules }: { readonly changedMs: number; readonly rules: SlotRules },
): Pressure | undefined {
  if (cpuShare !== undefined && cpuShare > rules.cpu.busy) {
    return { reason: `${percent(cpuShare)} of the CPU is busy`, fits: (rules.cpu.busy * MARGIN) / cpuShare };
  }
  if (memoryShare !== undefined && memoryShare > MEMORY.most) {
    return { reason: `${percent(memoryShare)} of the memory is used` };
  }
  if (serviceBytes > rules.serviceBytes.most) {
    return { reason: `the executor uses ${mebibytes(serviceBytes)} MiB` };
  }
  // Texts of runs that began before the last change are what it was made for.
  if (firstText && firstText.sinceMs >= changedMs && isLate(firstText, rules, LATE_FACTOR)) {
    const { recentMs, usualMs } = firstText;
    const reason = `the first text comes after ${Math.round(recentMs)} ms, and after ${Math.round(usualMs)} ms usually`;
    return { reason, late: true };
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
  { cpuShare, cpuOfRun, memoryShare, serviceBytes, firstText }: HostObservation,
  { nowMs, rules }: { readonly nowMs: number; readonly rules: SlotRules },
): number {
  // Without a measurement nobody knows what one more run does to the host.
  if (cpuShare === undefined || cpuOfRun === undefined || serviceBytes >= rules.serviceBytes.good) return slots;
  if (memoryShare !== undefined && memoryShare >= MEMORY.good) return slots;
  if (firstText && isLate(firstText, rules, (1 + LATE_FACTOR) / 2)) return slots;
  const most = ceiling && nowMs < ceiling.untilMs ? ceiling.slots - 1 : rules.max;
  const more = cpuShare <= rules.cpu.idle ? Math.max(1, Math.floor(slots / 4)) : 1;
  return Math.min(rules.max, most, roomFor(cpuOfRun, rules), slots + more);
}

/** Runs that leave a part of the way to pressure. */
const roomFor = (cpuOfRun: number, { cpu, max }: SlotRules): number =>
  cpuOfRun > 0 ? Math.floor((cpu.busy * MARGIN) / cpuOfRun) : max;

/** A step up that was wrong doubles the pause. Pressure without one, as of other processes, begins with the first. */
function raisedCeiling(
  { ceiling, grew, changedMs }: SlotState,
  { slots, nowMs }: { readonly slots: number; readonly nowMs: number },
): SlotState["ceiling"] {
  const again = ceiling && grew && nowMs - changedMs < RIGHT_MS && nowMs < ceiling.untilMs + REMEMBERED_MS;
  const pauseMs = again ? Math.min(LONGEST_PAUSE_MS, ceiling.pauseMs * 2) : FIRST_PAUSE_MS;
  return { slots, untilMs: nowMs + pauseMs, pauseMs };
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
const mebibytes = (bytes: number): number => Math.round(bytes / 1024 ** 2);
