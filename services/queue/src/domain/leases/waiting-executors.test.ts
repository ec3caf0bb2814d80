import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { engineTopic, GATES_TOPIC, type Listener, type Wakes } from "../wakes/wakes.js";
import { type After, createWaitingExecutors, type WaitingExecutors } from "./waiting-executors.js";

const ENGINE = "e";
const NOTHING = { left: 0, pins: false };

/** Wake-ups of one process. `tell` only records its topics. */
function createWakes() {
  const listeners = new Map<Listener, readonly string[]>();
  const told: string[] = [];
  const wakes: Wakes = {
    listen(topics) {
      let came = new Set<string>();
      let wake = () => {};
      const listener: Listener = {
        async next(_, signal) {
          if (came.size === 0 && !signal.aborted) {
            await new Promise<void>((resolve) => {
              wake = resolve;
              signal.addEventListener("abort", () => resolve());
            });
          }
          const topicsThatCame = came;
          came = new Set();
          return topicsThatCame;
        },
        remind(topic) {
          came.add(topic);
          wake();
        },
        close: () => void listeners.delete(listener),
      };
      listeners.set(listener, topics);
      return listener;
    },
    tell: (topic) => void told.push(topic),
  };
  /** A wake-up from another process. */
  const receive = async (topic: string): Promise<void> => {
    for (const [listener, topics] of listeners) if (topics.includes(topic)) listener.remind(topic);
    await turn();
  };
  return { wakes, told, receive };
}

/** Resolves when all promises that are resolved now have been handled. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("executors that wait for work", () => {
  let waitingExecutors: WaitingExecutors;
  let world: ReturnType<typeof createWakes>;
  let timers: { ms: number; act: () => void; gone: boolean }[];
  let woken: string[];
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  beforeEach(() => {
    world = createWakes();
    timers = [];
    woken = [];
    const after: After = (ms, act) => {
      const timer = { ms, act, gone: false };
      timers.push(timer);
      return () => void (timer.gone = true);
    };
    waitingExecutors = createWaitingExecutors(world.wakes, [ENGINE], after);
  });
  afterEach(() => waitingExecutors.close());

  const wait = (name: string, { account = "", freeSlots = 1 } = {}) => {
    const waiting = waitingExecutors.wait(
      name,
      [{ engine: ENGINE, account, freeSlots, slots: freeSlots, version: "" }],
      [],
    );
    const sleep = async (): Promise<void> => {
      const { engines } = await waiting.next(1e9, signal);
      if (engines.size > 0) woken.push(name);
    };
    return {
      ...waiting,
      sleep,
      came: (claim: Parameters<typeof waiting.claimed>[1]) => waiting.claimed(ENGINE, claim),
    };
  };

  it("pass an offer on when they leave before they claimed: to others here, else to other processes that did not get it", async () => {
    const [first, second] = [wait("first"), wait("second")];
    void first.sleep();
    void second.sleep();
    assert.equal(waitingExecutors.offer(ENGINE, 1), true);
    first.close();
    await turn();
    assert.deepEqual([woken, world.told], [["first", "second"], []]);
    second.close();
    assert.deepEqual(world.told, [engineTopic(ENGINE)]);

    const third = wait("third");
    void third.sleep();
    await world.receive(engineTopic(ENGINE));
    third.close();
    assert.deepEqual([woken.at(-1), world.told.length], ["third", 1]);
  });

  it("are woken for tasks while their slots last, each for as many as it has; further offers are not accepted", async () => {
    const all = [wait("one"), wait("three", { freeSlots: 3 }), wait("last")];
    for (const each of all) void each.sleep();
    assert.equal(waitingExecutors.offer(ENGINE, 1), true);
    assert.equal(waitingExecutors.offer(ENGINE, 1), true);
    assert.equal(waitingExecutors.offer(ENGINE, 2), true);
    await turn();
    assert.deepEqual(woken, ["one", "three"]);
    assert.equal(waitingExecutors.offer(ENGINE, 2), false);
    await turn();
    assert.deepEqual(woken, ["one", "three", "last"]);
    for (const each of all) each.close();
  });

  it("check again when a wake comes during a check, since they may have checked too early", async () => {
    const busy = wait("busy");
    assert.equal(waitingExecutors.offer(ENGINE, 1), false, "it may take another task");
    await world.receive(engineTopic(ENGINE));
    await busy.sleep();
    assert.deepEqual(woken, ["busy"]);
    busy.close();
  });

  it("wake two more when they fill up while more tasks wait, unless enough are already woken", async () => {
    const all = Array.from({ length: 9 }, (_, i) => wait(`ex-${i}`));
    for (const each of all) void each.sleep();
    await world.receive(engineTopic(ENGINE));
    all[0]?.came({ pins: false, left: 8 });
    await turn();
    assert.deepEqual(woken, ["ex-0", "ex-1", "ex-2"]);
    all[1]?.came({ pins: false, left: 3 });
    all[2]?.came({ pins: false, left: 2 });
    await turn();
    assert.deepEqual(woken, ["ex-0", "ex-1", "ex-2", "ex-3", "ex-4"], "two for three that are left, then none for two");
    all[3]?.came(NOTHING);
    all[4]?.came(NOTHING);
    await turn();
    assert.equal(woken.length, 5);
    for (const each of all) each.close();
  });

  it("check again during a check when another fills up: tasks that came after its claim are for them too", async () => {
    const [full, busy] = [wait("full"), wait("busy")];
    void full.sleep();
    await world.receive(engineTopic(ENGINE));
    assert.deepEqual(woken, ["full"]);
    full.came({ pins: false, left: 2 });
    full.close();
    void busy.sleep();
    await turn();
    assert.deepEqual(woken, ["full", "busy"]);
    busy.close();
  });

  it("are woken once when the time allows more starts, at the earliest time that a claim has named", async () => {
    const [first, second] = [wait("first"), wait("second")];
    first.came({ ...NOTHING, waitMs: 500 });
    second.came({ ...NOTHING, waitMs: 900 });
    second.came({ ...NOTHING, waitMs: 300 });
    void first.sleep();
    void second.sleep();
    const [due, ...more] = timers.filter(({ gone }) => !gone);
    assert.deepEqual([due?.ms, more], [300, []]);
    due?.act();
    await turn();
    assert.deepEqual(woken, ["first"]);
    first.close();
    second.close();
  });

  it("keep waiting for a gate that opens in a year: a timer of Node above 31 bits would fire at once", async () => {
    const one = wait("one");
    one.came({ ...NOTHING, waitMs: 366 * 24 * 3_600_000 });
    assert.deepEqual(
      timers.map(({ ms }) => ms),
      [2 ** 31 - 1],
    );
    one.close();
  });

  it("are also woken with their engine when pinned tasks wait for them: a run may have ended that blocked these", async () => {
    const all = [wait("first"), wait("second"), wait("pinned")];
    all[2]?.came({ left: 0, pins: true });
    for (const each of all) void each.sleep();
    await world.receive(engineTopic(ENGINE));
    assert.deepEqual(woken.toSorted(), ["first", "pinned"]);
    for (const each of all) each.close();
  });

  it("are all woken by a gate that opens when pinned tasks wait for them, since no other executor finds these", async () => {
    const all = [wait("first"), wait("pinned"), wait("other"), wait("pinned too")];
    for (const each of [all[1], all[3]]) each?.came({ left: 0, pins: true });
    for (const each of all) void each.sleep();
    await world.receive(GATES_TOPIC);
    assert.deepEqual(woken, ["pinned", "pinned too"]);
    for (const each of all) each.close();
  });

  it("of a blocked login wake another login, and executors with a closed gate of their own wake any other", async () => {
    const all = [wait("a-1", { account: "a" }), wait("a-2", { account: "a" }), wait("b", { account: "b" })];
    for (const each of all) void each.sleep();
    await world.receive(engineTopic(ENGINE));
    all[0]?.came({ pins: false, left: 1, deferredBy: "login" });
    await turn();
    assert.deepEqual(woken, ["a-1", "b"]);
    all[2]?.came({ pins: false, left: 1, deferredBy: "executor" });
    await turn();
    assert.deepEqual(woken, ["a-1", "b"], "a-2 has the login that was already closed");
    for (const each of all) each.close();
    assert.deepEqual(world.told, []);
  });
});
