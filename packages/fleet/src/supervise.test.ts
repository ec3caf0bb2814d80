import assert from "node:assert/strict";
import type { Clock } from "./clock.js";
import type { ProcessExit } from "./process.js";
import { type Ending, type Supervisor, supervise } from "./supervise.js";

const CRASH: ProcessExit = { code: 1, signal: null };

describe("supervise", () => {
  it("restarts a process that ended, whatever its exit code", async () => {
    const world = await createWorld();
    for (const exit of [CRASH, { code: 0, signal: null }, { code: null, signal: "SIGKILL" } as const]) {
      await world.end(exit);
      await world.elapse();
    }
    assert.equal(world.started.length, 4);
    assert.equal(world.supervisor.restarts, 3);
    assert.equal(world.supervisor.process, world.started.at(-1));
  });

  it("waits twice as long each time, up to 10 s, while it keeps ending early", async () => {
    const world = await createWorld();
    for (let crash = 0; crash < 8; crash += 1) {
      await world.end(CRASH);
      await world.elapse();
    }
    assert.deepEqual(world.waits, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  });

  it("waits for the shortest time again once the process had been up for 10 s", async () => {
    const world = await createWorld();
    for (const upMs of [0, 0, 9_999, 10_000, 0]) {
      world.pass(upMs);
      await world.end(CRASH);
      await world.elapse();
    }
    assert.deepEqual(world.waits, [200, 400, 800, 200, 400]);
  });

  it("counts a start that failed as an end", async () => {
    const world = await createWorld();
    world.failNextStart(new Error("no memory"));
    await world.end(CRASH);
    await world.elapse();
    await world.elapse();
    assert.deepEqual(world.waits, [200, 400]);
    assert.deepEqual(world.ends, [CRASH, new Error("no memory")]);
    assert.equal(world.started.length, 2);
  });

  it("does not restart a process that refuses its settings, or that must not be restarted", async () => {
    const faulty = await createWorld();
    await faulty.end({ code: 2, signal: null });
    assert.equal(faulty.supervisor.gaveUp, true);

    const unwatched = await createWorld({ restart: false });
    await unwatched.end(CRASH);
    assert.equal(unwatched.supervisor.gaveUp, true);
    assert.deepEqual([...faulty.waits, ...unwatched.waits], []);
  });

  it("does not restart a process that was never ready, and any other one", async () => {
    let served = false;
    const world = await createWorld({ served: () => served });
    served = true;
    await world.end(CRASH);
    await world.elapse();
    assert.equal(world.supervisor.restarts, 1);
    served = false;
    await world.end(CRASH);
    assert.deepEqual([world.supervisor.gaveUp, world.waits], [true, [200]]);
  });

  it("starts a process again on request that it had given up, and watches it from then on", async () => {
    const world = await createWorld();
    await world.supervisor.revive();
    assert.equal(world.started.length, 1);
    await world.end({ code: 2, signal: null });
    await world.supervisor.revive();
    assert.deepEqual([world.started.length, world.supervisor.gaveUp, world.supervisor.up], [2, false, true]);
    await world.end(CRASH);
    await world.elapse();
    assert.equal(world.started.length, 3);
  });

  it("tries again when the start on request fails", async () => {
    const world = await createWorld();
    await world.end({ code: 2, signal: null });
    world.failNextStart(new Error("no memory"));
    await world.supervisor.revive();
    await world.elapse();
    assert.equal(world.started.length, 2);
  });

  it("starts nothing once stopped, in any state: running, waiting or starting", async () => {
    const running = await createWorld();
    await running.supervisor.stop();

    const waiting = await createWorld();
    await waiting.end(CRASH);
    await waiting.supervisor.stop();

    const starting = await createWorld();
    const gate = starting.holdNextStart();
    await starting.end(CRASH);
    await starting.elapse();
    const stopped = starting.supervisor.stop();
    gate();
    await stopped;

    const givenUp = await createWorld();
    await givenUp.end({ code: 2, signal: null });
    const openLate = givenUp.holdNextStart();
    const reviving = givenUp.supervisor.revive();
    await givenUp.supervisor.stop();
    openLate();
    await reviving;
    await givenUp.supervisor.revive();

    assert.deepEqual(
      [running, waiting, starting, givenUp].map((world) => world.started.map((fake) => fake.stopped)),
      [[true], [true], [true, true], [true, true]],
    );
  });

  it("rejects when the first start fails", async () => {
    await assert.rejects(createWorld({ firstStart: new Error("no such program") }), /no such program/);
  });
});

interface Fake {
  exited: Promise<ProcessExit>;
  stopped: boolean;
  end(exit: ProcessExit): void;
  stop(): Promise<ProcessExit>;
}

/** A supervisor with fake processes and a fake clock, which the test controls. */
async function createWorld({
  restart = true,
  served,
  firstStart,
}: {
  restart?: boolean;
  served?: () => boolean;
  firstStart?: Error;
} = {}) {
  const started: Fake[] = [];
  const ends: Ending[] = [];
  const waits: number[] = [];
  let nextFailure = firstStart;
  let gate: Promise<void> | undefined;
  let now = 0;
  let wake = () => {};

  const clock: Clock = {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        wake = () => {
          now += ms;
          resolve();
        };
        signal.addEventListener("abort", () => resolve());
      }),
  };
  const start = async () => {
    await gate;
    const failure = nextFailure;
    nextFailure = undefined;
    if (failure) throw failure;
    const fake = createFake();
    started.push(fake);
    return fake;
  };
  const supervisor: Supervisor<Fake> = await supervise({
    start,
    clock,
    restart,
    served,
    onEnd: (ending, delayMs) => {
      ends.push(ending);
      if (delayMs !== undefined) waits.push(delayMs);
    },
  });
  return {
    supervisor,
    started,
    ends,
    waits,
    async end(exit: ProcessExit) {
      started.at(-1)?.end(exit);
      await settle();
    },
    /** Ends the current wait. */
    async elapse() {
      wake();
      await settle();
    },
    pass(ms: number) {
      now += ms;
    },
    failNextStart(error: Error) {
      nextFailure = error;
    },
    holdNextStart() {
      let open = () => {};
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return () => open();
    },
  };
}

function createFake(): Fake {
  let end: (exit: ProcessExit) => void = () => {};
  const exited = new Promise<ProcessExit>((resolve) => {
    end = resolve;
  });
  const fake: Fake = {
    exited,
    stopped: false,
    end: (exit) => end(exit),
    stop() {
      fake.stopped = true;
      end({ code: 0, signal: null });
      return exited;
    },
  };
  return fake;
}

/** Waits until every promise that can settle has settled. */
const settle = () => new Promise((resolve) => setImmediate(resolve));
