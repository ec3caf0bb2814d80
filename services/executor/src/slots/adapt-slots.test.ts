import assert from "node:assert/strict";
import { pino } from "pino";
import { play, type SimulatedHost, type SimulatedWork } from "../../test/simulated-host.js";
import type { SlotChange } from "../domain/queue.js";
import { createSlotAdaptation } from "./adapt-slots.js";
import type { HostLoad } from "./host-load.js";

const MIB = 1024 ** 2;
const RULES = {
  min: 1,
  max: 8,
  cpu: { idle: 0.3, busy: 0.8 },
  serviceBytes: { good: 400 * MIB, most: 500 * MIB },
  waiting: 100,
  delayMs: 5_000,
  responseMs: 150,
};

function setUp({ dryRun = false } = {}) {
  const [engine, load, clock] = [
    { engine: "e", slots: 2, running: 2 },
    { cpuShare: 0.1, memoryShare: 0.1 } as HostLoad,
    { now: 0 },
  ];
  const box = { load, person: false, running: undefined as number | undefined };
  const changes: SlotChange[] = [];
  const adaptation = createSlotAdaptation({
    config: { rules: RULES, dryRun },
    executor: {
      adaptable: () => (box.person ? [] : [{ ...engine }]),
      backlog: () => ({ waiting: 500, oldestAgeMs: 60_000 }),
      adaptSlots(_, change) {
        changes.push(change);
        if (!change.dryRun) engine.slots = change.after;
        engine.running = box.running ?? engine.slots;
      },
    },
    host: { measure: async () => box.load },
    serviceBytes: () => 100 * MIB,
    clock: { now: () => clock.now, date: () => clock.now, wait: async () => undefined },
    log: pino({ level: "silent" }),
  });
  const look = async (times: number) => {
    for (let i = 0; i < times; i++) {
      await adaptation.look();
      clock.now += 5_000;
    }
  };
  return { adaptation, engine, box, changes, look };
}

describe("the adaptation of slots", () => {
  it("grows with the work that waits to the operator's most, and falls when the host is busy, a look every 5 s", async () => {
    const { engine, box, changes, look } = setUp();
    await look(40);
    assert.equal(engine.slots, 8);
    box.load = { cpuShare: 1, memoryShare: 0.1 };
    await look(80);
    assert.equal(engine.slots, 1);
    assert.ok(changes.every(({ before, after }) => before !== after));
    assert.match(changes.at(-1)?.reason ?? "", /% of the CPU is busy/);
  });

  it("only reports what it would do in a dry run", async () => {
    const { engine, changes, look } = setUp({ dryRun: true });
    await look(40);
    assert.equal(engine.slots, 2);
    assert.equal(changes.at(-1)?.after, 8);
    assert.ok(changes.every(({ dryRun }) => dryRun));
  });

  it("goes on when it runs dry and more runs than it would allow, with a slot free", async () => {
    const { engine, box, changes, look } = setUp({ dryRun: true });
    Object.assign(engine, { slots: 8, running: 7 });
    box.load = { cpuShare: 1, memoryShare: 0.1 };
    box.running = 7;
    await look(40);
    assert.deepEqual([changes[0]?.after, changes[1]?.before], [5, 5]);
  });

  it("falls when first texts come late, compared with what is usual", async () => {
    const { adaptation, engine, look } = setUp();
    await look(20);
    for (let i = 0; i < 50; i++) adaptation.firstText("e", 1_000);
    for (let i = 0; i < 5; i++) adaptation.firstText("e", 3_000);
    const before = engine.slots;
    await look(20);
    assert.ok(engine.slots < before, `${engine.slots} and ${before}`);
  });

  it("starts again from the number that is in force, and looks at no engine whose slots a person has set", async () => {
    const { engine, box, changes, look } = setUp();
    engine.slots = 5;
    engine.running = 5;
    await look(5);
    assert.equal(changes[0]?.before, 5);
    box.person = true;
    const seen = changes.length;
    await look(40);
    assert.equal(changes.length, seen);
  });
});

const HOURS = 12;
const SECONDS = HOURS * 3_600;
const TURNS = HOURS * 2;

/** Shares of what the host does at the operator's percentage of the CPU. None is more than it can do for long. */
const LOADS: Readonly<Record<string, (second: number) => number>> = {
  "a steady load": () => 0.8,
  "a square wave": (second) => (Math.floor(second / 1_800) % 2 === 0 ? 1.5 : 0),
  bursts: (second) => (second % 3_600 < 600 ? 3.5 : 0.1),
  "day and night": (second) => 0.75 * (1 - Math.cos((2 * Math.PI * second) / SECONDS)),
};
const HOSTS: Readonly<Record<string, SimulatedHost>> = {
  "light runs": { cpuOfRun: 0.02, runMs: 60_000 },
  "heavy runs": { cpuOfRun: 0.17, runMs: 60_000 },
  "runs of an hour": { cpuOfRun: 0.1, runMs: 60 * 60_000 },
  "runs that need memory": { cpuOfRun: 0.02, memoryOfRun: 0.08, runMs: 10 * 60_000 },
  "runs that use the CPU now and then": { cpuOfRun: 0.15, busy: 0.5, runMs: 2 * 60_000 },
};

/** What the host does at once: the least of the range, what CPU and memory allow. */
const fits = ({ cpuOfRun, memoryOfRun = 0 }: SimulatedHost): number =>
  Math.max(1, Math.min(16, Math.floor(0.72 / cpuOfRun), Math.floor(0.6 / memoryOfRun)));

function arrivals(host: SimulatedHost, share: (second: number) => number): number[] {
  let left = 0;
  return Array.from({ length: SECONDS }, (_, second) => {
    left += (share(second) * fits(host)) / (host.runMs / 1_000);
    const whole = Math.floor(left);
    left -= whole;
    return whole;
  });
}

/** How often the slots began to fall after they had grown, or the other way round. */
const swings = (changes: readonly SlotChange[]): number =>
  changes.map(({ before, after }) => after > before).filter((up, i, all) => i > 0 && up !== all[i - 1]).length;

const both = async (host: SimulatedHost, work: Omit<SimulatedWork, "adaptation">) => ({
  on: await play(host, { ...work, adaptation: "on" }),
  off: await play(host, { ...work, adaptation: "off" }),
});

describe("the adaptation of slots on a simulated host", () => {
  for (const [kind, host] of Object.entries(HOSTS)) {
    for (const [name, share] of Object.entries(LOADS)) {
      it(`does the work that is done without it, and swings at most with the load, under ${name} of ${kind}`, async () => {
        for (const slots of [2, 16]) {
          const { on, off } = await both(host, { arrivals: arrivals(host, share), slots });
          const about = `from ${slots} slots: ${on.changes.map(({ after }) => after).join(" ")}`;
          assert.ok(on.done >= 0.98 * off.done, `${on.done} of ${off.done} done ${about}`);
          assert.ok(swings(on.changes) <= (share === LOADS["a steady load"] ? 2 : TURNS), about);
          assert.ok(on.changes.length <= 2 * TURNS, about);
        }
      });
    }

    it(`comes to rest under a steady load, and under more than the host can do, of ${kind}`, async () => {
      for (const [share, slots] of [
        [0.8, 2],
        [0.8, 16],
        [1.5, 2],
        [1.5, 16],
      ] as const) {
        const { changes, slots: after } = await play(host, {
          arrivals: arrivals(host, () => share),
          slots,
          adaptation: "on",
        });
        const late = changes.filter(({ timeMs }) => timeMs >= (SECONDS / 2) * 1_000);
        const about = `${share} of the load from ${slots} slots: ${changes.map((each) => each.after).join(" ")}`;
        // Where each run uses the CPU now and then, a number that is at the edge is tried again, one more or one less.
        assert.ok(late.length <= (host.busy && share > 1 ? TURNS : 0), about);
        const last = after.at(-1) ?? 0;
        if (share > 1) assert.ok(Math.abs(last - fits(host)) <= 1, about);
      }
    });
  }

  it("overloads the CPU for minutes only, where the operator's slots do for hours", async () => {
    const host = { cpuOfRun: 0.17, runMs: 60_000 };
    const { on, off } = await both(host, { arrivals: arrivals(host, () => 1.5), slots: 16 });
    assert.ok(on.overloaded < 180 && off.overloaded > 0.9 * SECONDS, `${on.overloaded} and ${off.overloaded} s`);
  });

  it("gives the slots back after another process has used the CPU for ten minutes", async () => {
    const others = (ms: number) => (ms % (3 * 3_600_000) < 600_000 ? 1 : 0);
    const host = { cpuOfRun: 0.04, runMs: 300_000, others };
    const { on, off } = await both(host, { arrivals: arrivals(host, () => 0.8), slots: 16 });
    assert.ok(on.done >= 0.98 * off.done, `${on.done} of ${off.done} done`);
  });

  it("leaves the operator's slots while the provider is late for an hour, whatever runs", async () => {
    const late = (ms: number) => (ms % (6 * 3_600_000) > 5 * 3_600_000 ? 4 : 1);
    const host = { cpuOfRun: 0.02, runMs: 300_000, late };
    const { on, off } = await both(host, { arrivals: arrivals(host, () => 0.8), slots: 16 });
    assert.ok(on.done >= 0.98 * off.done, `${on.done} of ${off.done} done`);
  });

  it("tries a number that was too many less and less often, where only the first texts tell that it was", async () => {
    const late = (_: number, running: number) => Math.max(1, (running / 6) ** 5);
    const host = { cpuOfRun: 0.01, runMs: 60_000, late };
    const { changes } = await play(host, { arrivals: arrivals(host, () => 1), slots: 2, adaptation: "on" });
    assert.ok(swings(changes) <= 14, changes.map(({ after }) => after).join(" "));
  });

  it("does more than the default number of slots on a bursty day", async () => {
    const host = { cpuOfRun: 0.02, runMs: 60_000 };
    const { on, off } = await both(host, { arrivals: arrivals(host, LOADS["bursts"] ?? (() => 0)), slots: 2 });
    assert.ok(on.done > 5 * off.done, `${on.done} and ${off.done}`);
  });
});
