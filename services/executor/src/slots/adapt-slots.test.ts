import assert from "node:assert/strict";
import { pino } from "pino";
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
  const box = { load, person: false };
  const changes: SlotChange[] = [];
  const adaptation = createSlotAdaptation({
    config: { rules: RULES, dryRun },
    executor: {
      adaptable: () => (box.person ? [] : [{ ...engine }]),
      backlog: () => ({ waiting: 500, oldestAgeMs: 60_000 }),
      adaptSlots(_, change) {
        changes.push(change);
        if (!change.dryRun) engine.slots = change.after;
        engine.running = engine.slots;
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
    await look(40);
    assert.equal(engine.slots, 1);
    assert.ok(changes.every(({ before, after }) => before !== after));
    assert.match(changes.at(-1)?.reason ?? "", /% of the CPU is busy/);
  });

  it("only tells what it would do when it runs dry", async () => {
    const { engine, changes, look } = setUp({ dryRun: true });
    await look(40);
    assert.equal(engine.slots, 2);
    assert.equal(changes.at(-1)?.after, 8);
    assert.ok(changes.every(({ dryRun }) => dryRun));
  });

  it("falls when first texts come late, compared with what is usual", async () => {
    const { adaptation, engine, look } = setUp();
    await look(20);
    for (let i = 0; i < 50; i++) adaptation.firstText("e", 1_000);
    for (let i = 0; i < 5; i++) adaptation.firstText("e", 3_000);
    const before = engine.slots;
    await look(8);
    assert.ok(engine.slots < before, `${engine.slots} and ${before}`);
  });

  it("begins anew from the number that is in force, and looks at no engine whose slots a person has set", async () => {
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
