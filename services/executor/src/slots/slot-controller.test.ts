import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type HostObservation, type SlotRules, type SlotState, stepSlots } from "./slot-controller.js";

const MIB = 1024 ** 2;
const RULES: SlotRules = {
  min: 1,
  max: 16,
  cpu: { idle: 0.3, busy: 0.8 },
  serviceBytes: { good: 400 * MIB, most: 500 * MIB },
  waiting: 100,
  delayMs: 5_000,
  responseMs: 150,
};
const LOOK_MS = 5_000;

describe("the controller of slots", () => {
  const IDLE: HostObservation = {
    running: 4,
    waiting: 200,
    oldestAgeMs: 0,
    cpuShare: 0.2,
    cpuOfRun: 0.05,
    memoryShare: 0.2,
    serviceBytes: 100 * MIB,
    firstText: undefined,
  };
  const at = (slots: number): SlotState => ({ slots, given: 2, changedMs: 0 });
  const decide = (seen: Partial<HostObservation>, state: SlotState = at(4), nowMs = 60_000) =>
    stepSlots(state, { ...IDLE, ...seen }, { nowMs, rules: RULES }).decision;

  it("gives more slots only while work waits, all slots are busy and the host has room", () => {
    assert.equal(decide({})?.after, 5);
    assert.equal(decide({ waiting: 99, oldestAgeMs: 4_999 }), undefined, "little waits");
    assert.equal(decide({ waiting: 1, oldestAgeMs: 5_000 })?.after, 5, "one waits for long");
    assert.equal(decide({ waiting: 0, oldestAgeMs: 5_000 }), undefined);
    assert.equal(decide({ running: 3 }), undefined, "a slot is free: something else keeps the tasks back");
    assert.equal(decide({ cpuShare: 0.6, cpuOfRun: 0.15 }), undefined, "a fifth run would take the CPU to 75 %");
    assert.equal(decide({ cpuOfRun: undefined }), undefined, "nothing ran");
    assert.equal(decide({ cpuShare: undefined }), undefined, "nobody knows the load");
    assert.equal(decide({ serviceBytes: 400 * MIB }), undefined);
    assert.equal(decide({ memoryShare: 0.85 }), undefined);
    assert.equal(decide({ firstText: { recentMs: 1_700, usualMs: 1_000, sinceMs: 0 } }), undefined);
    assert.equal(decide({ running: 16 }, at(16)), undefined, "the operator's range");
    assert.match(decide({})?.reason ?? "", /^200 tasks wait, the oldest for 0 s, and 20 % of the CPU is busy$/);
  });

  it("takes a quarter of the slots after 10 s of pressure, for any kind of it, and never fewer than the least", () => {
    for (const [seen, reason] of [
      [{ cpuShare: 0.97 }, /97 % of the CPU/],
      [{ memoryShare: 0.95 }, /95 % of the memory/],
      [{ serviceBytes: 501 * MIB }, /501 MiB/],
      [{ firstText: { recentMs: 2_100, usualMs: 1_000, sinceMs: 0 } }, /after 2100 ms, and after 1000 ms usually/],
    ] as const) {
      const { state } = stepSlots(at(8), { ...IDLE, running: 8, ...seen }, { nowMs: 60_000, rules: RULES });
      assert.equal(decide({ running: 8, ...seen }, state, 69_999), undefined, "a moment is not pressure");
      const decision = decide({ running: 8, ...seen }, state, 70_000);
      assert.equal(decision?.after, 6);
      assert.match(decision?.reason ?? "", reason);
    }
    assert.equal(decide({ cpuShare: 1, running: 1 }, { ...at(1), pressedMs: 0 }), undefined);
    const little = { recentMs: 190, usualMs: 90, sinceMs: 0 };
    assert.equal(decide({ running: 8, waiting: 0, firstText: little }, { ...at(8), pressedMs: 0 }), undefined);
  });

  it("takes away from what runs, not from what could run, and nothing when nothing runs", () => {
    const pressed = { ...at(16), pressedMs: 0 };
    assert.equal(decide({ cpuShare: 0.9, running: 4 }, pressed)?.after, 3);
    assert.equal(decide({ cpuShare: 0.9, running: 0 }, pressed), undefined);
    assert.equal(decide({ cpuShare: 0.81, running: 16 }, pressed)?.after, 14, "so many fit");
  });

  it("waits until the runs that it does not end are over, and for a minute of their absence, before it takes more", () => {
    const busy = { cpuShare: 1 };
    let state: SlotState = { ...at(12), pressedMs: 0 };
    const step = (running: number, nowMs: number) => {
      const stepped = stepSlots(state, { ...IDLE, ...busy, running }, { nowMs, rules: RULES });
      state = stepped.state;
      return stepped.decision;
    };
    for (let nowMs = 60_000; nowMs < 600_000; nowMs += LOOK_MS) assert.equal(step(16, nowMs), undefined);
    for (let nowMs = 600_000; nowMs < 650_000; nowMs += LOOK_MS) assert.equal(step(12, nowMs), undefined);
    assert.equal(step(12, 655_000)?.after, 9);
  });

  it("does not grow while more run than the slots allow", () => {
    assert.equal(decide({ running: 5 }), undefined);
  });

  it("judges by first texts of runs that began after the last change, and leaves what the operator has set", () => {
    const late = { recentMs: 9_000, usualMs: 1_000, sinceMs: 1 };
    const changed = { slots: 8, given: 7, changedMs: 2, pressedMs: 0 };
    assert.equal(decide({ running: 8, firstText: late }, changed, 80_000), undefined);
    assert.equal(decide({ running: 8, firstText: { ...late, sinceMs: 2 } }, changed, 80_000)?.after, 7);
  });

  it("stays in the range and keeps its pauses, for any observations", () => {
    const seen = fc.record({
      running: fc.integer({ min: 0, max: 40 }),
      waiting: fc.integer({ min: 0, max: 1_000 }),
      oldestAgeMs: fc.integer({ min: 0, max: 1e6 }),
      cpuShare: fc.option(fc.double({ min: 0, max: 2, noNaN: true }), { nil: undefined }),
      cpuOfRun: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
      memoryShare: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
      serviceBytes: fc.integer({ min: 0, max: 1_000 * MIB }),
      firstText: fc.constant(undefined),
    });
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 200 }), (all) => {
        let state = at(4);
        let changedMs = 0;
        for (const [i, each] of all.entries()) {
          const nowMs = i * LOOK_MS;
          const { state: after, decision } = stepSlots(state, each, { nowMs, rules: RULES });
          assert.equal(after.slots !== state.slots, decision !== undefined);
          assert.ok(after.slots >= RULES.min && after.slots <= RULES.max);
          if (decision) {
            assert.ok(nowMs - changedMs >= (after.slots < state.slots ? 60_000 : 15_000));
            changedMs = nowMs;
          }
          state = after;
        }
      }),
      { seed: 1 },
    );
  });
});
