import { invalidFields } from "@ccsp/errors";
import { EVENT_WORDS } from "@ccsp/events";
import { type InstanceReport, InstanceState } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { type ChangeEvent, type Entry, type StateStore, UnreadableEntry } from "../state/state-store.js";
import { type Health, type Judgement, judge, type Patience, type Vitals } from "./domain/health.js";

/** An instance as it was last heard of. */
export interface Known extends Judgement {
  readonly report: InstanceReport;
  readonly receivedMs: number;
  /** Since when it has this health. */
  readonly sinceMs: number;
  /** When a process of this name was replaced that had not said that it stops: the newest ones. 0.3.0 knew none. */
  readonly crashesMs?: readonly number[];
}

export interface Fleet {
  /**
   * Takes a report. One that is older than the newest of its instance changes nothing. A change of health is reported
   * once, as `system.health`. Throws if the fleet is full.
   */
  hear(report: InstanceReport, now: Date): Promise<void>;
  /** Judges those that are silent, and forgets those that were last heard of an hour ago. Any number of replicas may do it. */
  sweep(now: Date): Promise<void>;
  /** Returns the instances, sorted by service and name, with their health now. Those that are gone too. */
  list(now: Date): Promise<readonly Known[]>;
}

/** Beyond this, a fault invents instances. A report has about 600 bytes. */
const MOST_INSTANCES = 1_000;
/**
 * How long an instance that is gone is remembered: so that the alert of a lost executor goes on, and a late report of
 * a stopped process does not bring it back.
 */
const REMEMBERED_MS = 3_600_000;
const MOST_CRASHES = 100;
/** Two replicas rarely hear of one instance in the same moment. */
const MOST_TRIES = 10;

const nameOf = ({ service, instance }: Pick<InstanceReport, "service" | "instance">): string =>
  `${service}/${instance}`;

export function createFleet(state: StateStore<Known>, patience: Patience): Fleet {
  const judgedAt = (report: InstanceReport, receivedMs: number, nowMs: number): Judgement =>
    judge(vitalsOf(report), nowMs - receivedMs, patience);

  /** Of what cannot be read, only the revision: the report that came replaces nearly all of it. */
  async function known(name: string): Promise<(Pick<Entry<Known>, "revision"> & Partial<Entry<Known>>) | undefined> {
    try {
      return await state.get(name);
    } catch (error) {
      if (error instanceof UnreadableEntry) return { revision: error.revision };
      throw error;
    }
  }

  async function hearOnce(report: InstanceReport, nowMs: number): Promise<boolean> {
    const name = nameOf(report);
    const before = await known(name);
    if (before?.value && !isNewer(report, before.value.report)) return true;
    if (!before && (await state.names()).size >= MOST_INSTANCES)
      throw invalidFields([{ field: "report.instance", description: `is one more than ${MOST_INSTANCES} instances` }]);
    const judged = judgedAt(report, nowMs, nowMs);
    const same = before?.value?.health === judged.health;
    const sinceMs = (same && before?.value?.sinceMs) || nowMs;
    const crashesMs = before?.value ? crashesOf(before.value, report, nowMs) : [];
    const after: Known = { report, receivedMs: nowMs, sinceMs, ...judged, crashesMs };
    const events = same ? [] : [healthEvent(report, judged, nowMs)];
    return (await state.change({ name, before, after, events })) !== "conflict";
  }

  async function sweepOne({ name, value, ...rest }: Entry<Known>, nowMs: number): Promise<void> {
    const before = { name, value, ...rest };
    if (nowMs - value.receivedMs > REMEMBERED_MS) {
      await state.change({ name, before, after: undefined });
      return;
    }
    const judged = judgedAt(value.report, value.receivedMs, nowMs);
    if (judged.health === value.health) return;
    const events = [healthEvent(value.report, judged, nowMs)];
    // A conflict: another replica did it, or the instance was heard of.
    await state.change({ name, before, after: { ...value, ...judged, sinceMs: nowMs }, events });
  }

  return {
    async hear(report, now) {
      for (let tries = 0; tries < MOST_TRIES; tries += 1) {
        if (await hearOnce(report, now.getTime())) return;
      }
      throw new Error(`the state of ${nameOf(report)} changed ${MOST_TRIES} times while it was written`);
    },
    async sweep(now) {
      for (const entry of await state.list()) await sweepOne(entry, now.getTime());
    },
    async list(now) {
      const nowMs = now.getTime();
      return (await state.list()).map(({ value }) => {
        const judged = judgedAt(value.report, value.receivedMs, nowMs);
        return { ...value, ...judged, sinceMs: judged.health === value.health ? value.sinceMs : nowMs };
      });
    },
  };
}

/** The crashes of an instance, with the one that this report shows: its process is another one, without a stop. */
function crashesOf({ crashesMs = [], report: last }: Known, report: InstanceReport, nowMs: number): readonly number[] {
  if (report.bootId === last.bootId || hasStopped(last)) return crashesMs;
  return [...crashesMs, nowMs].slice(-MOST_CRASHES);
}

export const hasStopped = ({ state }: Pick<InstanceReport, "state">): boolean => state === InstanceState.STOPPED;

const vitalsOf = (report: InstanceReport): Vitals => ({
  stopped: hasStopped(report),
  draining: report.state === InstanceState.DRAINING || report.executor?.draining === true,
  failing: report.failing,
});

/** A process that was started later is newer. Of one process, the later report is. */
function isNewer(report: InstanceReport, known: InstanceReport): boolean {
  if (report.bootId === known.bootId) return report.sequence > known.sequence;
  return (report.bootTime?.getTime() ?? 0) >= (known.bootTime?.getTime() ?? 0);
}

function healthEvent(
  { service, instance, bootId }: InstanceReport,
  { health, why }: { readonly health: Health; readonly why: string },
  nowMs: number,
): ChangeEvent {
  return {
    // An instance may come to the same health again later.
    key: `health:${service}/${instance}:${bootId}:${health}:${nowMs}`,
    time: new Date(nowMs),
    data: {
      $case: "systemHealth",
      value: { service, instance, state: health, stateEnum: EVENT_WORDS.state[health], why },
    },
  };
}
