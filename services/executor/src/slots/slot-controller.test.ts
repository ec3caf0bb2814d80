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

/** A host on which each run takes a share of the CPU. Above all of it, runs become slower and their first text late. */
interface Host {
  readonly cpuOfRun: number;
  readonly runMs: number;
  readonly noise?: number;
  /** Runs at once above which the provider answers late, whatever the CPU. */
  readonly knee?: number;
}

type Policy = "adaptive" | { readonly fixed: number };

/** Plays hours of work with a look every 5 s. Arrivals are tasks per look. */
function play(host: Host, arrivals: readonly number[], policy: Policy, rules = RULES) {
  let state: SlotState = { slots: typeof policy === "object" ? policy.fixed : 2, changedMs: 0 };
  let [waiting, done, overloaded, cpu, waitedMs, random] = [0, 0, 0, 0, 0, 1];
  const slots: number[] = [];
  let progress = 0;
  const next = () => {
    random = (random * 48_271) % 2_147_483_647;
    return random / 2_147_483_647;
  };
  for (const [i, arrived] of arrivals.entries()) {
    waiting += arrived;
    const running = Math.min(state.slots, waiting);
    const load = running * host.cpuOfRun;
    // A host with too many runs loses time with switching between them.
    const speed = load <= 1 ? 1 : 1 / (load * (1 + 0.5 * (load - 1)));
    progress += (running * speed * LOOK_MS) / host.runMs;
    const ended = Math.min(waiting, Math.floor(progress));
    progress -= ended;
    waiting -= ended;
    done += ended;
    waitedMs += waiting * LOOK_MS;
    if (load > 1) overloaded += 1;
    const now = Math.min(1, Math.max(0, load + (next() - 0.5) * (host.noise ?? 0)));
    cpu += (now - cpu) * 0.2;
    const seen: HostObservation = {
      running,
      waiting: Math.max(0, waiting - running),
      oldestAgeMs: waiting > running ? 10_000 : 0,
      cpuShare: cpu,
      memoryShare: 0.3,
      serviceBytes: 100 * MIB,
      firstText: {
        recentMs: 1_000 * Math.max(1, load ** 2, (running / (host.knee ?? Number.POSITIVE_INFINITY)) ** 9),
        usualMs: 1_000,
      },
    };
    if (policy === "adaptive") state = stepSlots(state, seen, { nowMs: i * LOOK_MS, rules }).state;
    slots.push(state.slots);
  }
  return { slots, done, overloaded, waitedMs };
}

function directionChanges(series: readonly number[]): number {
  const levels = series.filter((value, i) => i === 0 || value !== series[i - 1]);
  const ups = levels.slice(1).map((value, i) => value > (levels[i] ?? 0));
  return ups.filter((up, i) => i > 0 && up !== ups[i - 1]).length;
}

const HOURS_6 = (6 * 60 * 60_000) / LOOK_MS;
const shape = (of: (i: number) => number): number[] => {
  let left = 0;
  return Array.from({ length: HOURS_6 }, (_, i) => {
    left += of(i);
    const whole = Math.floor(left);
    left -= whole;
    return whole;
  });
};
const BURSTY = shape((i) => (i % 720 < 120 ? 1.2 : 0.02));
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  "a steady load": shape(() => 0.3),
  "a step": shape((i) => (i < 500 ? 0.05 : 2)),
  "a ramp": shape((i) => i / 3_000),
  noise: shape((i) => 0.2 + ((i * 7_919) % 13) / 13),
};
const HOSTS: Readonly<Record<string, Host>> = {
  "light runs": { cpuOfRun: 0.02, runMs: 60_000 },
  "heavy runs": { cpuOfRun: 0.17, runMs: 60_000, noise: 0.2 },
  "runs that need the whole host": { cpuOfRun: 0.9, runMs: 30_000 },
};

describe("the controller of slots", () => {
  for (const [load, arrivals] of Object.entries(SHAPES)) {
    for (const [kind, host] of Object.entries(HOSTS)) {
      it(`comes to rest within 6 hours, under ${load} of ${kind}`, () => {
        const { slots } = play(host, arrivals, "adaptive");
        assert.ok(directionChanges(slots) <= 6, `${directionChanges(slots)} changes`);
        const last = slots.slice(-720);
        assert.ok(directionChanges(last) <= 1, "no cycle in the last hour");
        assert.ok(slots.every((each) => each >= RULES.min && each <= RULES.max));
      });
    }
  }

  it("tries a number that was too many less and less often, where only the first texts tell that it was", () => {
    const { slots } = play(
      { cpuOfRun: 0.01, runMs: 60_000, knee: 6 },
      shape(() => 2),
      "adaptive",
    );
    // The pauses are 5, 10, 20, 40, 80 and 160 min, so there are at most seven tries in 6 hours.
    assert.ok(directionChanges(slots) <= 14, `${directionChanges(slots)} changes`);
    assert.ok(slots.slice(-720).every((each) => each >= 5 && each <= 7));
    assert.ok(directionChanges(slots.slice(-720)) <= 2, "at most one try in the last hour");
  });

  it("does more work than the fixed default on a bursty day, and overloads the host less than many fixed slots", () => {
    const host = { cpuOfRun: 0.1, runMs: 60_000 };
    const [adaptive, few, many] = [
      play(host, BURSTY, "adaptive"),
      play(host, BURSTY, { fixed: 2 }),
      play(host, BURSTY, { fixed: 16 }),
    ];
    const arrived = BURSTY.reduce((sum, each) => sum + each, 0);
    assert.ok(adaptive.done > 0.98 * arrived && few.done < 0.8 * arrived, `${adaptive.done}, ${few.done}, ${arrived}`);
    assert.ok(adaptive.waitedMs < 0.2 * few.waitedMs, `${adaptive.waitedMs} and ${few.waitedMs}`);
    assert.ok(adaptive.done >= many.done, `${adaptive.done} and ${many.done}`);
    assert.ok(adaptive.overloaded < 0.1 * many.overloaded, `${adaptive.overloaded} and ${many.overloaded}`);
  });

  const IDLE: HostObservation = {
    running: 4,
    waiting: 200,
    oldestAgeMs: 0,
    cpuShare: 0.2,
    memoryShare: 0.2,
    serviceBytes: 100 * MIB,
    firstText: undefined,
  };
  const at = (slots: number): SlotState => ({ slots, changedMs: 0 });
  const decide = (seen: Partial<HostObservation>, state: SlotState = at(4), nowMs = 60_000) =>
    stepSlots(state, { ...IDLE, ...seen }, { nowMs, rules: RULES }).decision;

  it("gives more slots only while work waits, all slots are busy and the host has room", () => {
    assert.equal(decide({})?.after, 5);
    assert.equal(decide({ waiting: 99, oldestAgeMs: 4_999 }), undefined, "little waits");
    assert.equal(decide({ waiting: 1, oldestAgeMs: 5_000 })?.after, 5, "one waits for long");
    assert.equal(decide({ waiting: 0, oldestAgeMs: 5_000 }), undefined);
    assert.equal(decide({ running: 3 }), undefined, "a slot is free: something else keeps the tasks back");
    assert.equal(decide({ cpuShare: 0.6 }), undefined, "a fifth run would take the CPU to 75 %");
    assert.equal(decide({ cpuShare: undefined }), undefined, "nobody knows the load");
    assert.equal(decide({ serviceBytes: 400 * MIB }), undefined);
    assert.equal(decide({ memoryShare: 0.85 }), undefined);
    assert.equal(decide({ firstText: { recentMs: 1_700, usualMs: 1_000 } }), undefined);
    assert.equal(decide({}, at(16)), undefined, "the operator's range");
    assert.match(decide({})?.reason ?? "", /^200 tasks wait, the oldest for 0 s, and 20 % of the CPU is busy$/);
  });

  it("takes a quarter of the slots after 10 s of pressure, for any kind of it, and never fewer than the least", () => {
    for (const [seen, reason] of [
      [{ cpuShare: 0.81 }, /81 % of the CPU/],
      [{ memoryShare: 0.95 }, /95 % of the memory/],
      [{ serviceBytes: 501 * MIB }, /501 MiB/],
      [{ firstText: { recentMs: 2_100, usualMs: 1_000 } }, /after 2100 ms, and after 1000 ms usually/],
    ] as const) {
      const { state } = stepSlots(at(8), { ...IDLE, ...seen }, { nowMs: 60_000, rules: RULES });
      assert.equal(decide(seen, state, 69_999), undefined, "a moment is no pressure");
      const decision = decide(seen, state, 70_000);
      assert.equal(decision?.after, 6);
      assert.match(decision?.reason ?? "", reason);
    }
    assert.equal(decide({ cpuShare: 1 }, { ...at(1), pressedMs: 0 }), undefined);
    assert.equal(decide({ firstText: { recentMs: 190, usualMs: 90 } }, { ...at(8), pressedMs: 0 })?.after, undefined);
  });

  it("stays in the range and keeps its pauses, for any observations", () => {
    const seen = fc.record({
      running: fc.integer({ min: 0, max: 40 }),
      waiting: fc.integer({ min: 0, max: 1_000 }),
      oldestAgeMs: fc.integer({ min: 0, max: 1e6 }),
      cpuShare: fc.option(fc.double({ min: 0, max: 2, noNaN: true }), { nil: undefined }),
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
            assert.ok(nowMs - changedMs >= (after.slots < state.slots ? 30_000 : 15_000));
            changedMs = nowMs;
          }
          state = after;
        }
      }),
      { seed: 1 },
    );
  });
});
