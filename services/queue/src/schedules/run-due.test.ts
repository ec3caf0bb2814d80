import assert from "node:assert/strict";
import { replaced } from "./plan.js";
import { type Made, runDue } from "./run-due.js";
import type { MissedRuns, Schedule, ScheduleName, ScheduleStore } from "./schedule.js";

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);
const clockTime = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString().slice(11, 16);

/** Schedules in memory, a clock that stands still, and a stand-in for the queue that records the requests. */
function world(start: string) {
  const clock = { now: at(start) };
  const stored = new Map<string, { schedule: Schedule; check: number | undefined }>();
  const key = ({ agent, name }: ScheduleName) => `${agent}/${name}`;
  const checks = () =>
    [...stored.values()].filter(({ check }) => check !== undefined).toSorted((a, b) => (a.check ?? 0) - (b.check ?? 0));
  const store: ScheduleStore = {
    now: async () => clock.now,
    find: async (which) => stored.get(key(which))?.schedule,
    list: async () => [...stored.values()].map(({ schedule }) => schedule),
    due: async (ms, count) =>
      checks()
        .filter(({ check }) => (check ?? 0) <= ms)
        .slice(0, count)
        .map(({ schedule }) => schedule),
    nextCheck: async () => checks()[0]?.check,
    async swap({ which, before, after, checkMs }) {
      if (stored.get(key(which))?.schedule !== before) return "changed";
      if (after) stored.set(key(which), { schedule: after, check: checkMs });
      else stored.delete(key(which));
      return "ok";
    },
    async postpone(which, checkMs) {
      const one = stored.get(key(which));
      if (one) one.check = checkMs;
    },
  };
  const tasks: string[] = [];
  const counts = { made: 0, refused: 0 };
  const made: { answer: (name: string) => Made | undefined } = { answer: () => undefined };
  const deps = {
    store,
    makeTask: async ({ name }: Schedule, timeMs: number): Promise<Made> => {
      const refusal = made.answer(name);
      if (refusal) return refusal;
      const id = `${name}@${clockTime(timeMs)}`;
      if (!tasks.includes(id)) tasks.push(id);
      return { task: id };
    },
    observer: { made: () => void counts.made++, refused: () => void counts.refused++ },
  };
  return {
    clock,
    tasks,
    counts,
    made,
    stored,
    deps,
    one: (name = "report") => stored.get(`alice/${name}`)?.schedule,
    async put(more: { name?: string; cron?: string; missed?: MissedRuns; paused?: boolean; spec?: string } = {}) {
      const asked = {
        agent: "alice",
        name: "report",
        cron: "0 * * * *",
        timeZone: "UTC",
        spec: "",
        missed: "skip" as MissedRuns,
        paused: false,
        ...more,
      };
      const before = await store.find(asked);
      const after = replaced(before, asked, clock.now);
      await store.swap({ which: asked, before, after, checkMs: after.next[0], bounded: true });
    },
    async roundAt(time: string) {
      clock.now = at(time);
      return runDue(deps);
    },
  };
}

describe("running schedules", () => {
  it("makes a task at its time, returns when to check again, and shows the next five times", async () => {
    const w = world("08:30:00");
    await w.put();
    assert.deepEqual(w.one()?.next.map(clockTime), ["09:00", "10:00", "11:00", "12:00", "13:00"]);
    assert.equal(await w.roundAt("08:59:59.990"), 10);
    assert.deepEqual(w.tasks, []);
    assert.equal(await w.roundAt("09:00:00.005"), 3_600_000 - 5);
    assert.deepEqual(w.tasks, ["report@09:00"]);
    assert.deepEqual(w.one()?.next.map(clockTime), ["10:00", "11:00", "12:00", "13:00", "14:00"]);
    assert.equal(w.one()?.lastTask, "report@09:00");
    assert.equal(clockTime(w.one()?.lastRun), "09:00");
    assert.deepEqual(w.counts, { made: 1, refused: 0 });
  });

  it("has no next time without schedules, or with a paused one", async () => {
    const w = world("08:30:00");
    assert.equal(await w.roundAt("08:30:00"), undefined);
    await w.put({ paused: true });
    assert.equal(await w.roundAt("12:00:00"), undefined);
    assert.deepEqual(w.one()?.next, []);
    await w.put();
    assert.deepEqual(w.tasks, []);
    assert.equal(clockTime(w.one()?.next[0]), "13:00");
  });

  for (const [missed, late, expected] of [
    ["skip", "12:30:00", []],
    ["skip", "12:00:59", ["report@12:00"]],
    ["once", "12:30:00", ["report@12:00"]],
    ["all", "12:30:00", ["report@09:00", "report@10:00", "report@11:00", "report@12:00"]],
  ] as const) {
    it(`after an outage from 08:30 to ${late} with ${missed} makes ${expected.length} tasks`, async () => {
      const w = world("08:30:00");
      await w.put({ missed });
      await w.roundAt(late);
      assert.deepEqual(w.tasks, expected);
      assert.equal(clockTime(w.one()?.next[0]), "13:00");
      await w.roundAt("12:59:59");
      assert.deepEqual(w.tasks, expected);
    });
  }

  it("counts no run as missed that could not be tried a moment ago", async () => {
    const w = world("08:30:00");
    await w.put({ missed: "skip" });
    w.made.answer = () => {
      w.clock.now += 10;
      throw new Error("Redis was away for a moment");
    };
    await assert.rejects(w.roundAt("09:00:00"));
    w.made.answer = () => undefined;
    w.clock.now += (await runDue(w.deps)) ?? 0;
    await runDue(w.deps);
    assert.deepEqual(w.tasks, ["report@09:00"]);
  });

  it("makes up for only the newest hundred missed runs", async () => {
    const w = world("00:00:00");
    await w.put({ cron: "* * * * *", missed: "all" });
    await w.roundAt("12:00:00");
    assert.equal(w.tasks.length, 100);
    assert.equal(w.tasks[0], "report@10:21");
    assert.equal(w.tasks.at(-1), "report@12:00");
  });

  it("tries a refused run again until the next time, shows the reason, and clears it when a task was made", async () => {
    const w = world("08:30:00");
    await w.put();
    w.made.answer = () => ({ fault: "QUEUE_FULL: tasks waiting", retryMs: 5_000 });
    assert.equal(await w.roundAt("09:00:00"), 5_000);
    assert.equal(w.one()?.fault, "QUEUE_FULL: tasks waiting");
    assert.equal(clockTime(w.one()?.lastRun), "09:00");
    // Long after ON_TIME_MS, but before the next time.
    assert.equal(await w.roundAt("09:59:50"), 5_000);
    w.made.answer = () => undefined;
    await w.roundAt("09:59:59");
    assert.deepEqual(w.tasks, ["report@09:00"]);
    assert.equal(w.one()?.fault, undefined);
    assert.deepEqual(w.counts, { made: 1, refused: 2 });
  });

  it("gives a refused run up when the next time comes, unless all missed runs are made up for", async () => {
    for (const [missed, expected] of [
      ["skip", ["report@10:00"]],
      ["once", ["report@10:00"]],
      ["all", ["report@09:00", "report@10:00"]],
    ] as const) {
      const w = world("08:30:00");
      await w.put({ missed });
      w.made.answer = () => ({ fault: "QUEUE_FULL", retryMs: 5_000 });
      await w.roundAt("09:00:00");
      w.made.answer = () => undefined;
      await w.roundAt("10:00:00");
      assert.deepEqual(w.tasks, expected, missed);
    }
  });

  it("waits between tries, even when several times are late", async () => {
    const w = world("08:30:00");
    await w.put({ missed: "all" });
    w.made.answer = () => ({ fault: "QUEUE_FULL", retryMs: 5_000 });
    assert.equal(await w.roundAt("11:30:00"), 5_000);
    assert.equal(clockTime(w.one()?.next[0]), "09:00");
  });

  it("continues with the next time after a permanent refusal", async () => {
    const w = world("08:30:00");
    await w.put();
    w.made.answer = () => ({ fault: "ENGINE_UNKNOWN: no such engine" });
    assert.equal(await w.roundAt("09:00:00"), 3_600_000);
    assert.equal(w.one()?.fault, "ENGINE_UNKNOWN: no such engine");
    assert.equal(clockTime(w.one()?.next[0]), "10:00");
  });

  it("runs no task at once when a schedule is replaced, and keeps the facts about its last run", async () => {
    const w = world("08:30:00");
    await w.put();
    await w.roundAt("09:00:00");
    w.clock.now = at("09:30:00");
    await w.put({ cron: "15 * * * *", spec: "other" });
    await w.roundAt("09:30:00");
    assert.deepEqual(w.tasks, ["report@09:00"]);
    assert.equal(w.one()?.lastTask, "report@09:00");
    assert.equal(w.one()?.created, at("08:30:00"));
    assert.equal(clockTime(w.one()?.next[0]), "10:15");
  });

  it("does not lose the run that is due when the same schedule is stored again at that moment", async () => {
    const w = world("08:30:00");
    await w.put();
    w.clock.now = at("09:00:00");
    await w.put({ spec: "other" });
    await w.roundAt("09:00:00");
    assert.deepEqual(w.tasks, ["report@09:00"]);
  });

  it("keeps a change that was made to a schedule while its task was created", async () => {
    const w = world("08:30:00");
    await w.put();
    const { makeTask } = w.deps;
    w.deps.makeTask = async (schedule, timeMs) => {
      await w.put({ paused: true });
      return makeTask(schedule, timeMs);
    };
    await w.roundAt("09:00:00");
    assert.deepEqual(w.tasks, ["report@09:00"]);
    assert.equal(w.one()?.paused, true);
    assert.deepEqual(w.counts, { made: 0, refused: 0 });
  });

  it("runs the other schedules when one cannot be run, and tries that one again after a while", async () => {
    const w = world("08:30:00");
    await w.put({ name: "broken" });
    await w.put({ name: "report" });
    w.made.answer = (name) => {
      if (name === "broken") throw new Error("a bug");
      return undefined;
    };
    await assert.rejects(w.roundAt("09:00:00"), /1 schedules could not be run/);
    assert.deepEqual(w.tasks, ["report@09:00"]);
    w.made.answer = () => undefined;
    assert.equal(await w.roundAt("09:00:01"), 4_000);
    await w.roundAt("09:00:05");
    assert.deepEqual(w.tasks, ["report@09:00", "broken@09:00"]);
  });
});
