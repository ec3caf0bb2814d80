import assert from "node:assert/strict";
import { pino } from "pino";
import type { NextDue } from "./domain/due/due-store.js";
import type { Due } from "./domain/due/reaper.js";
import { startReaping } from "./reap-loop.js";

const NEVER = { tasks: Number.POSITIVE_INFINITY, gates: Number.POSITIVE_INFINITY, refills: Number.POSITIVE_INFINITY };

/** Runs the loop on a clock that moves only while the loop sleeps, until it has slept `times` times. */
async function play(
  times: number,
  next: (nowMs: number, seen: NextDue["seen"] | undefined) => Partial<NextDue["waits"]>,
) {
  const clock = { now: 0 };
  const seen: string[] = [];
  let word: { atMs: number } | undefined;
  let [slept, ended] = [0, () => {}];
  const over = new Promise<void>((resolve) => (ended = resolve));
  const wakes = {
    listen: () => ({
      async next(timeoutMs: number, signal: AbortSignal) {
        if (++slept > times) {
          ended();
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          return new Set<string>();
        }
        const until = clock.now + timeoutMs;
        const comes = word && word.atMs < until;
        clock.now = comes ? (word?.atMs ?? 0) : until;
        if (comes) word = undefined;
        return new Set(comes ? ["due"] : []);
      },
      remind() {},
      close() {},
    }),
  };
  const rounds = {
    whole: async () => void seen.push(`whole at ${clock.now}`),
    due: async (due: Due) => {
      const kinds = Object.entries(due).flatMap(([kind, isDue]) => (isDue ? [kind] : []));
      seen.push(`${kinds.join()} at ${clock.now}`);
    },
    next: async (before: NextDue["seen"] | undefined) => ({
      seen: [clock.now],
      waits: { ...NEVER, ...next(clock.now, before) },
    }),
  };
  return {
    seen,
    /** Sends a wake-up about a sooner time when the clock reaches `atMs`. */
    tellAt: (atMs: number) => void (word = { atMs }),
    async run() {
      const log = pino({ level: "silent" });
      const loop = startReaping(rounds, { everyMs: 1_000, wakes, log, nowMs: () => clock.now });
      await over;
      await loop.close();
      return seen;
    },
  };
}

const until = (time: number, now: number, seen: NextDue["seen"] = [-1]): number =>
  time > (seen[0] ?? -1) ? Math.max(0, time - now) : Number.POSITIVE_INFINITY;

describe("the loop of the reaper", () => {
  it("sleeps until something is due, and does only that; every second it does everything", async () => {
    const loop = await play(4, (now) => ({ tasks: until(250, now, [now]), gates: until(1_700, now, [now]) }));
    assert.deepEqual(await loop.run(), [
      "whole at 0",
      "tasks at 250",
      "whole at 1000",
      "gates at 1700",
      "whole at 2000",
    ]);
  });

  it("accepts an earlier time, and one that has passed", async () => {
    const times = { 100: 300, 400: 390 };
    for (const [told, time] of Object.entries(times)) {
      const loop = await play(3, (now, seen) => ({ tasks: now < Number(told) ? 900 - now : until(time, now, seen) }));
      loop.tellAt(Number(told));
      assert.deepEqual((await loop.run()).slice(0, 2), ["whole at 0", `tasks at ${Math.max(time, Number(told))}`]);
    }
  });

  it("makes one round for many times that are close together", async () => {
    const loop = await play(4, (now) => ({ tasks: now < 100 ? 100 - now : 1 }));
    assert.deepEqual(await loop.run(), ["whole at 0", "tasks at 100", "tasks at 110", "tasks at 120", "tasks at 130"]);
  });

  it("does not loop without pause over a task that stays due since no one can act on it", async () => {
    const loop = await play(5, (now, seen) => ({ tasks: until(250, now, seen) }));
    assert.deepEqual(await loop.run(), [
      "whole at 0",
      "tasks at 250",
      "tasks at 260",
      "whole at 1000",
      "whole at 2000",
      "whole at 3000",
    ]);
  });

  it("reads again soon after a notification that comes just after a read", async () => {
    const loop = await play(4, (now) => ({ tasks: now < 3 ? 900 - now : until(50, now, [now]) }));
    loop.tellAt(3);
    assert.deepEqual((await loop.run()).slice(0, 2), ["whole at 0", "tasks at 50"]);
  });

  it("reads once for many notifications that come close together, as when a provider fails all runs", async () => {
    const seen: number[] = [];
    const clock = { now: 0 };
    let ended = () => {};
    const over = new Promise<void>((resolve) => (ended = resolve));
    const listener = {
      async next() {
        if (++clock.now > 100) ended();
        return new Set(["due"]);
      },
      remind() {},
      close() {},
    };
    const next = async () => {
      seen.push(clock.now);
      return { seen: [clock.now], waits: { ...NEVER, tasks: 900 } };
    };
    const rounds = { whole: async () => {}, due: async () => {}, next };
    const log = pino({ level: "silent" });
    const loop = startReaping(rounds, { everyMs: 1e6, wakes: { listen: () => listener }, log, nowMs: () => clock.now });
    await over;
    const close = loop.close();
    assert.deepEqual(seen.slice(0, 5), [0, 10, 20, 30, 40]);
    await close;
  });

  it("tries again at the next whole round after a failed one", async () => {
    const loop = await play(3, (now, seen) => {
      if (now === 250) throw new Error("Redis is away");
      return { tasks: until(250, now, seen) };
    });
    assert.deepEqual((await loop.run()).slice(0, 3), ["whole at 0", "tasks at 250", "whole at 1000"]);
  });
});
