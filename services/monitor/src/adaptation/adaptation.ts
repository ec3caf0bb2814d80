import { EVENT_WORDS } from "@ccsp/events";
import type { ChangeEvent, Entry, StateStore } from "../state/state-store.js";
import { type StartRange, step } from "./domain/controller.js";
import type { Levers, LeverValue } from "./domain/levers.js";
import type { Pressure, PressureSource } from "./domain/pressure.js";
import { type Adapted, type MadeDecision, MOST_SUBJECTS, SHOWN_MS, withDecision } from "./stored.js";

export type Mode = "on" | "dry-run" | "off";

export interface AdaptationDeps {
  readonly state: StateStore<Adapted>;
  readonly sources: readonly PressureSource[];
  readonly levers: Levers;
  /** The slots that executors have changed by themselves. */
  readonly slotChanges: () => Promise<readonly SlotChange[]>;
  readonly mode: Mode;
}

/** The newest change of slots that an executor decided by itself. */
export interface SlotChange {
  readonly executor: string;
  readonly engine: string;
  readonly before: number;
  readonly after: number;
  readonly reason: string;
  readonly timeMs: number;
  readonly dryRun: boolean;
}

/** The limit that gives urgent and high tasks more of the turns while logins or engines are slowed. */
const FAVOURED = "class/high";
const FAVOUR = 4;
/** The turns are shared by logins and engines. An agent has turns of its own. */
const SHARES_TURNS = /^(account|engine)\//;

/**
 * Slows subjects down before they reach a limit, and tells what executors decided. Each decision is stored together
 * with its event, so replicas that decide at the same time tell it once.
 */
export function createAdaptation({ state, sources, levers, slotChanges, mode }: AdaptationDeps) {
  const dryRun = mode !== "on";

  /** Returns the entry after the change. Another replica may have been faster: then the next turn continues from it. */
  const keep = async (
    name: string,
    before: Entry<Adapted> | undefined,
    { decision, ...after }: Omit<Adapted, "decisions"> & { readonly decision?: MadeDecision | undefined },
  ): Promise<Adapted | undefined> => {
    const decisions = decision ? withDecision(before?.value, decision) : (before?.value.decisions ?? []);
    const events = decision ? [eventOf(name, decision)] : [];
    const kept = await state.change({ name, before, after: { ...after, decisions }, events });
    return typeof kept === "string" ? before?.value : kept.value;
  };

  const slow = async (now: Date, entries: ReadonlyMap<string, Entry<Adapted>>) => {
    const [{ starts, weights, highWeight }, ...read] = await Promise.all([
      levers.read(),
      ...sources.map((source) => source.read(now)),
    ]);
    const pressures = new Map<string, Pressure[]>();
    for (const pressure of read.flat())
      pressures.set(pressure.subject, [...(pressures.get(pressure.subject) ?? []), pressure]);
    const known = [...entries].filter(([, { value }]) => value.slowed !== undefined).map(([name]) => name);
    const after = new Map<string, Adapted>();
    for (const name of new Set([...pressures.keys(), ...known])) {
      const adapted = await slowOne(name, { before: entries.get(name), of: pressures.get(name) ?? [], now, starts });
      if (adapted) after.set(name, adapted);
    }
    const shares = [...after].some(([name, { slowed }]) => slowed !== undefined && SHARES_TURNS.test(name));
    const favoured = shares ? Math.min(weights.max, highWeight * FAVOUR) : undefined;
    const favour = entries.get(FAVOURED);
    if (favour?.value.weight !== favoured) {
      const reason = shares
        ? "urgent and high tasks go first while a login or an engine is slowed"
        : "nothing is slowed";
      const values = { before: favour?.value.weight ?? highWeight, after: favoured ?? highWeight };
      const decision = { what: "weight" as const, ...values, reason, timeMs: now.getTime(), dryRun };
      const adapted = await keep(FAVOURED, favour, { weight: favoured, decision });
      if (adapted) after.set(FAVOURED, adapted);
    } else if (favour) after.set(FAVOURED, favour.value);
    if (!dryRun) await apply(entries, after);
  };

  const slowOne = async (
    name: string,
    {
      before,
      of,
      now,
      starts,
    }: {
      readonly before: Entry<Adapted> | undefined;
      readonly of: readonly Pressure[];
      readonly now: Date;
      readonly starts: StartRange;
    },
  ): Promise<Adapted | undefined> => {
    const slowed = before?.value.slowed;
    const { state: next, decision } = step(slowed, of, { nowMs: now.getTime(), range: starts });
    if (!decision && JSON.stringify(next) === JSON.stringify(slowed)) return before?.value;
    const made = decision && { ...decision, timeMs: now.getTime(), dryRun };
    return keep(name, before, { slowed: next, decision: made });
  };

  /** Also repeats what is in force: a change lasts only for some time, and a process may die before it makes it. */
  const apply = async (before: ReadonlyMap<string, Entry<Adapted>>, after: ReadonlyMap<string, Adapted>) => {
    const values: LeverValue[] = [];
    const closed = new Map<string, string>();
    const opened: string[] = [];
    const reasons = new Map<string, string[]>();
    for (const [name, { slowed, weight, decisions }] of after) {
      const had = before.get(name)?.value;
      const why = decisions[0]?.reason ?? "";
      const isWeight = name === FAVOURED;
      const value = isWeight ? weight && { weight } : slowed && { rate: slowed.rate };
      if (value || (isWeight ? had?.weight : had?.slowed) !== undefined) {
        values.push({ name: `${isWeight ? "weight" : "rate"}/${name}`, value: value || undefined });
        reasons.set(why, [...(reasons.get(why) ?? []), `${isWeight ? "weight" : "rate"}/${name}`]);
      }
      if (slowed?.closedAt !== undefined) closed.set(name, why);
      else if (had?.slowed?.closedAt !== undefined) opened.push(name);
    }
    for (const [why, names] of reasons) {
      await levers.set(
        values.filter(({ name }) => names.includes(name)),
        why,
      );
    }
    await levers.gates(closed, opened);
  };

  const tellSlots = async (now: Date, entries: ReadonlyMap<string, Entry<Adapted>>) => {
    let free = MOST_SUBJECTS - entries.size;
    for (const change of await slotChanges()) {
      const name = `executor/${change.executor}/${change.engine}`;
      const before = entries.get(name);
      const { before: from, after, reason, timeMs, dryRun: dry } = change;
      if (before?.value.decisions.some((decision) => decision.timeMs >= timeMs)) continue;
      // An executor names its newest change for as long as it runs. One of a day ago was told and is forgotten.
      if (timeMs < now.getTime() - SHOWN_MS) continue;
      if (before === undefined && free-- <= 0) continue;
      const decision = { what: "concurrency" as const, before: from, after, reason, timeMs, dryRun: dry };
      await keep(name, before, { decision });
    }
  };

  return {
    mode,

    /** One turn of the leader. Changes nothing when the forecasts cannot be known: what is in force then ends by itself. */
    async turn(now: Date): Promise<void> {
      const listed = await state.list();
      const entries = new Map(listed.map((entry) => [entry.name, entry]));
      await tellSlots(now, entries);
      if (mode !== "off") await slow(now, entries);
      for (const before of listed) {
        const { slowed, weight, decisions } = before.value;
        const old = (decisions[0]?.timeMs ?? 0) < now.getTime() - SHOWN_MS;
        if (old && slowed === undefined && weight === undefined) {
          await state.change({ name: before.name, before, after: undefined });
        }
      }
    },

    /** Everything that was adapted within the last day, sorted by name. */
    list: () => state.list(),
  };
}

export type Adaptation = ReturnType<typeof createAdaptation>;

const eventOf = (subject: string, { what, before, after, reason, timeMs, dryRun }: MadeDecision): ChangeEvent => ({
  key: `adaptation/${subject}/${timeMs}/${what}`,
  time: new Date(timeMs),
  data: {
    $case: "adaptationDecided",
    value: {
      what,
      whatEnum: EVENT_WORDS.what[what],
      subject,
      before: before ?? 0,
      after: after ?? 0,
      reason,
      dryRun,
    },
  },
});
