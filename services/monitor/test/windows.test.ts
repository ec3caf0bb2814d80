import assert from "node:assert/strict";
import { decodeEvent, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { TaskCompleted, TaskRetried } from "@ccsp/protos/ccsp/event/v1/event.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { LoginWindows, WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { pino } from "pino";
import { createForecasts } from "../src/forecast/forecasts.js";
import { createUsageHistories } from "../src/forecast/usage-history.js";
import { openState } from "../src/state/state-store.js";
import { NO_ROW } from "../src/usage/domain/run.js";
import { HOUR_MS, MINUTE_MS } from "../src/usage/domain/usage-store.js";
import { createRedisUsageStore } from "../src/usage/redis/redis-usage-store.js";
import { windowSignals } from "../src/windows/signals.js";
import { saidByEvent } from "../src/windows/signals-of-event.js";
import { parseWindow } from "../src/windows/stored.js";
import { createWindows } from "../src/windows/windows.js";

const log = pino({ level: "silent" });
const START = Date.parse("2026-03-02T00:00:00Z");
const LENGTH_MS = 5 * HOUR_MS;

describe("usage windows", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let nowMs = START;
  let runs = 0;
  beforeEach(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log, name: "test" });
    nowMs = START;
  });
  afterEach(async () => {
    await redis?.close();
    await server?.stop();
  });

  const replica = () => {
    const usage = createRedisUsageStore(redis.client, {
      partitions: 1,
      maxRows: 100,
      ledgerDays: 90,
      now: () => nowMs,
    });
    const histories = createUsageHistories(usage);
    const forecasts = createForecasts(histories);
    const windows = createWindows({
      store: openState({ redis: redis.client, log, part: "windows", parse: parseWindow }),
      histories,
      forecasts,
      log,
    });
    return { usage, histories, windows };
  };
  type Replica = ReturnType<typeof replica>;
  const use = async ({ usage }: Replica, atMs: number, tokens: number, costMicroUsd: number | undefined = tokens) => {
    runs += 1;
    const row = { ...NO_ROW, agent: "a", engine: "e", account: "team" };
    const none = { cacheRead: 0, cacheCreation: 0 };
    await usage.record({
      ...{ id: `t${runs} result`, partition: 0, taskId: `t${runs}`, traceparent: "", endTime: new Date(atMs), row },
      ...{ outcome: "succeeded", tokens: { input: tokens, output: 0, ...none }, costMicroUsd, runMs: 1, waitMs: 1 },
    });
  };
  const say = async (
    { windows }: Replica,
    atMs: number,
    of: { share?: number; resetMs: number; state?: WindowState },
  ) => {
    const value = TaskCompleted.fromPartial({
      engine: "e",
      account: "team",
      windows: [
        {
          name: "five_hour",
          state: of.state ?? WindowState.OPEN,
          resetTime: new Date(of.resetMs),
          length: toDuration(LENGTH_MS),
          ...(of.share !== undefined && { usedShare: of.share }),
        },
      ],
    });
    const said = saidByEvent({
      ...{ id: "0:1-1", time: new Date(atMs), taskId: "t", agentId: "a", traceparent: "" },
      data: { $case: "taskCompleted", value },
    });
    assert.ok(said);
    await windows.learn(said);
  };
  const only = async ({ windows }: Replica) => {
    const [found, ...others] = await windows.report(new Date(nowMs));
    assert.ok(found && others.length === 0);
    return found;
  };
  const told = async () =>
    (await redis.client.xrange(eventsKey(0), "-", "+")).flatMap(([id, fields]) => {
      const data = decodeEvent(0, id, fields)?.data;
      return data?.$case === "usageThreshold" ? [data.value] : [];
    });

  it("tells once per share and period, whichever replica looks, and again in the next period", async () => {
    const [one, two] = [replica(), replica()];
    const lookBoth = () => Promise.all([one, two].map(({ windows }) => windows.watch(new Date(nowMs))));
    const reset = START + LENGTH_MS;
    nowMs = START + MINUTE_MS;
    await say(one, nowMs, { share: 0.5, resetMs: reset });
    await lookBoth();
    assert.deepEqual(await told(), []);
    nowMs += MINUTE_MS;
    // The provider moves its reset time by seconds: this is the same period.
    await say(two, nowMs, { share: 0.85, resetMs: reset + 3_000 });
    for (let turn = 0; turn < 3; turn++) await lookBoth();
    nowMs += MINUTE_MS;
    await say(one, nowMs, { share: 0.96, resetMs: reset + 1_000 });
    for (let turn = 0; turn < 3; turn++) await lookBoth();
    const shown = (await told()).map(({ kind, name, threshold, share }) => [kind, name, threshold, share]);
    assert.deepEqual(shown, [
      ["window", "e/team/five_hour", 0.8, 0.85],
      ["window", "e/team/five_hour", 0.95, 0.96],
    ]);
    assert.equal((await told())[1]?.periodStartTime?.getTime(), START);

    nowMs = reset + HOUR_MS;
    assert.equal((await only(two)).window.state, undefined, "the window has turned, and nothing was said since");
    await say(two, nowMs, { share: 0.97, resetMs: reset + LENGTH_MS });
    await lookBoth();
    assert.deepEqual(
      (await told()).map(({ threshold }) => threshold),
      [0.8, 0.95, 0.95],
    );
    assert.equal((await only(one)).window.resets, 1);
  });

  it("keeps the newest word of a login whose runs end together, and reports it, also with two replicas", async () => {
    const resetMs = START + LENGTH_MS;
    for (const replicas of [[replica()], [replica(), replica()]]) {
      await redis.client.flushall();
      nowMs = START + MINUTE_MS;
      const [first] = replicas;
      assert.ok(first);
      await say(first, nowMs, { share: 0.1, resetMs });
      for (let burst = 0; burst < 4; burst++) {
        const startMs = nowMs;
        const ends = Array.from({ length: 64 }, (_, at) => ({
          atMs: startMs + 1 + Math.floor(at / 2),
          share: 0.2 + burst * 0.1 + at / 1_000,
          ...(burst === 3 && at === 63 && { state: WindowState.CLOSED }),
        }));
        nowMs += 2_000;
        // Replicas get the events of different partitions, and handle them in any order.
        const mixed = ends.map((_, at) => ends[(at * 37 + burst) % 64] ?? assert.fail());
        await Promise.all([
          ...mixed.map((end, at) => say(replicas[at % replicas.length] ?? first, end.atMs, { ...end, resetMs })),
          first.windows.watch(new Date(nowMs)),
        ]);
        const { window } = await only(first);
        assert.deepEqual([window.share, window.signalMs], [ends[63]?.share, ends[63]?.atMs], `burst ${burst}`);
      }
      assert.equal((await only(first)).window.state, "closed");
      await Promise.all(replicas.map(({ windows }) => windows.watch(new Date(nowMs))));
      assert.deepEqual(
        (await told()).map(({ threshold }) => threshold),
        [0.95],
      );
    }
  });

  it("takes a word that an earlier release would call old news, when another replica has heard a later one", async () => {
    const [one, two] = [replica(), replica()];
    const resetMs = START + LENGTH_MS;
    await say(one, START + 1_000, { share: 0.5, resetMs });
    await say(two, START + 2_000, { share: 0.5, resetMs, state: WindowState.CLOSED });
    await say(one, START + 3_000, { share: 0.5, resetMs });
    nowMs = START + 4_000;
    assert.equal((await only(two)).window.state, "open");
    // The newest word said nothing new. An older one that comes late changes nothing either.
    await say(one, START + 9_000, { share: 0.5, resetMs });
    await say(two, START + 5_000, { share: 0.5, resetMs, state: WindowState.CLOSED });
    nowMs = START + 10_000;
    assert.equal((await only(one)).window.state, "open");
  });

  it("takes what answers tell while runs work, which the end of a run does not take back, also at another replica", async () => {
    const [one, two] = [replica(), replica()];
    const resetMs = START + LENGTH_MS;
    const answer = async (atMs: number, usedShare: number) => {
      const window = { name: "five_hour", state: WindowState.OPEN, resetTime: new Date(resetMs), usedShare };
      const other = { name: "seven_day", state: 99, usedShare };
      const value = LoginWindows.fromPartial({ engine: "e", account: "team", windows: [window, other] });
      const said = saidByEvent({
        ...{ id: "0:1-1", time: new Date(atMs), taskId: "", agentId: "", traceparent: "" },
        data: { $case: "usageWindows", value },
      });
      assert.ok(said);
      await one.windows.learn(said);
    };
    nowMs = START + 10_000;
    await answer(START + 1_000, 0.6);
    await say(two, START + 2_000, { share: 0.2, resetMs });
    assert.deepEqual([(await only(two)).share, (await only(one)).window.resets], [0.6, 0]);
    await answer(START + 3_000, 0.85);
    assert.equal((await only(two)).share, 0.85);
    await Promise.all([one, two].map(({ windows }) => windows.watch(new Date(nowMs))));
    assert.deepEqual(
      (await told()).map(({ threshold }) => threshold),
      [0.8],
    );
  });

  it("estimates the share of a turned window from what filled it before, and says that it is an estimate", async () => {
    const one = replica();
    await use(one, START + MINUTE_MS, 6_000);
    nowMs = START + 2 * MINUTE_MS;
    await say(one, nowMs, { share: 0.6, resetMs: START + LENGTH_MS });
    const first = await only(one);
    assert.deepEqual([first.share, first.source, first.used.tokens], [0.6, "engine", 6_000]);
    await one.windows.watch(new Date(nowMs));

    // Used after the engine spoke: a tenth of what fills the window.
    await use(one, START + 20 * MINUTE_MS, 1_000);
    nowMs = START + 40 * MINUTE_MS;
    const more = await only(replica());
    assert.deepEqual([more.share?.toFixed(3), more.source, more.window.share], ["0.700", "engine-and-usage", 0.6]);

    nowMs = START + LENGTH_MS + 30 * MINUTE_MS;
    await use(one, nowMs - 10 * MINUTE_MS, 2_500);
    const next = await only(replica());
    assert.deepEqual([next.share?.toFixed(3), next.source, next.window.state], ["0.250", "estimate", undefined]);
  });

  it("learns from a closing without a share, which is said without a name, until a person resumes the login", async () => {
    const one = replica();
    await use(one, START + MINUTE_MS, 4_000, undefined);
    nowMs = START + 2 * MINUTE_MS;
    const value = TaskRetried.fromPartial({
      engine: "e",
      account: "team",
      error: { category: ErrorCategory.USAGE_WINDOW, retryAfter: toDuration(HOUR_MS) },
    });
    const about = { id: "0:1-1", taskId: "t", agentId: "a", traceparent: "" };
    const closed = saidByEvent({ ...about, time: new Date(nowMs), data: { $case: "taskRetried", value } });
    assert.ok(closed);
    await one.windows.learn(closed);
    const found = await only(one);
    assert.deepEqual(
      [found.window.name, found.window.state, found.window.resetMs, found.share, found.exhaustion.state],
      ["usage", "closed", nowMs + HOUR_MS, 1, "used-up"],
    );
    assert.deepEqual(await windowSignals(one.windows).read(new Date(nowMs)), [
      { metric: "usage_window_share", labels: { engine: "e", account: "team", window: "usage" }, value: 1 },
      { metric: "usage_window_exhausts_seconds", labels: { engine: "e", account: "team", window: "usage" }, value: 0 },
    ]);
    nowMs += MINUTE_MS;
    const gate = { scope: "account/e/team", who: "ada", why: "renewed" };
    const resumed = saidByEvent({ ...about, time: new Date(nowMs), data: { $case: "gateOpened", value: gate } });
    assert.ok(resumed);
    await one.windows.learn(resumed);
    assert.deepEqual([(await only(one)).window.state, (await only(one)).share], [undefined, undefined]);
  });

  it("predicts when a window runs out from steady usage, and reports it within the hour", async () => {
    const one = replica();
    const resetMs = START + 6 * HOUR_MS;
    // 100 tokens in each five minutes, from an hour before the window on. It is full at 6,000: an hour is 1,200.
    for (let atMs = START; atMs < START + 5 * HOUR_MS; atMs += 5 * MINUTE_MS) await use(one, atMs + MINUTE_MS, 100);
    nowMs = START + 5 * HOUR_MS;
    await say(one, nowMs - 1, { share: 0.7, resetMs });
    const { exhaustion } = await only(one);
    assert.equal(exhaustion.state, "lasts");
    nowMs += 1;
    // The same usage, of a window that is fuller: what is left is used in 20 minutes.
    await say(one, nowMs, { share: 0.94, resetMs });
    const late = await only(one);
    assert.ok(late.exhaustion.state === "runs-out");
    const minutes = (late.exhaustion.expected - nowMs) / MINUTE_MS;
    assert.ok(minutes > 10 && minutes < 30, `${minutes} min`);
    await one.windows.watch(new Date(nowMs));
    await one.windows.watch(new Date(nowMs));
    const thresholds = (await told()).map(({ threshold, exhaustTime }) => [threshold, exhaustTime !== undefined]);
    assert.deepEqual(thresholds, [
      [0.8, true],
      [1, true],
    ]);
  });
});
