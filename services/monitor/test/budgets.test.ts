import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { decodeEvent, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import type { SetBudgetHoldsRequest } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import type { ListRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { ListResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { Task, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import {
  Budget,
  BudgetAction,
  BudgetPeriod,
  type BudgetStanding,
  BudgetUnit,
} from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { pino } from "pino";
import { openBudgetCounters, openBudgets } from "../src/budgets/open.js";
import { NO_ROW, type Row, type Run } from "../src/usage/domain/run.js";
import { createRedisUsageStore } from "../src/usage/redis/redis-usage-store.js";
import { seeded } from "./simulated-day.js";

const log = pino({ level: "silent" });
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const STOP = new AbortController().signal;
const PARTITIONS = 3;
type Asked = NonNullable<Parameters<typeof Budget.fromPartial>[0]>;
type RunningTask = NonNullable<Parameters<typeof Task.fromPartial>[0]>;

describe("budgets", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log, name: "test" });
  });
  after(async () => {
    await redis?.close();
    await server?.stop();
  });
  beforeEach(() => redis.client.flushall());

  /** Replicas of the monitor with one clock. The queue is a list of the calls that it got. */
  function world({ at = "2026-03-10T10:20:30Z", labels = ["team"], looksAnew = true } = {}) {
    const clock = { ms: Date.parse(at) };
    const now = () => new Date(clock.ms);
    const calls: (Pick<SetBudgetHoldsRequest, "holds"> & Partial<SetBudgetHoldsRequest>)[] = [];
    const queue = {
      fails: false,
      listFails: false,
      running: [] as RunningTask[],
      asked: 0,
      meanwhile: undefined as (() => Promise<void>) | undefined,
    };
    /** Pages as the queue makes them: a page may have fewer tasks than were asked for. */
    const list = async ({ states = [], pageSize = 0, pageToken = "" }: Partial<ListRequest>) => {
      queue.asked += 1;
      if (queue.listFails) throw new Error("the queue cannot list");
      assert.deepEqual(states, [TaskState.RUNNING]);
      assert.ok(pageSize >= 1 && pageSize <= 500, `${pageSize}`);
      const from = Number(pageToken);
      const size = Math.min(pageSize, 300);
      const nextPageToken = from + size < queue.running.length ? String(from + size) : "";
      const answer = ListResponse.fromPartial({ tasks: queue.running.slice(from, from + size), nextPageToken });
      await queue.meanwhile?.();
      return answer;
    };
    const setBudgetHolds = async (request: Partial<SetBudgetHoldsRequest>) => {
      if (queue.fails) throw new Error("the queue is away");
      const { holds = [], laterHolds = [] } = request;
      calls.push({ holds, ...(laterHolds.length > 0 && { laterHolds }) });
      return {};
    };
    const replica = () => {
      // Each look at the budgets is a new one, as if a second had passed.
      const countersOf = () => openBudgetCounters(redis.client, log)();
      const options = { partitions: PARTITIONS, maxRows: 100, ledgerDays: 90, now: () => clock.ms, countersOf };
      const usage = createRedisUsageStore(redis.client, options);
      const budgets = openBudgets({
        redis: redis.client,
        log,
        usage,
        queue: { setBudgetHolds, list },
        allowedLabels: labels,
        now,
        // Tests need not wait for a look at the budgets, because each is a new one.
        ...(looksAnew && { untilKnown: async () => undefined }),
      });
      return { usage, ...budgets, turn: async () => budgets.duties[0]?.turn(STOP) };
    };
    const monitor = replica();
    let runs = 0;
    const run = (more: Partial<Run> & Partial<Pick<Row, "agent" | "engine" | "account" | "model">> = {}): Run => {
      const { agent = "alice", engine = "", account = "", model = "", ...rest } = more;
      const { labels: own = {} } = rest;
      const label = Object.entries(own)
        .filter(([key]) => labels.includes(key))
        .map(([key, value]) => `${key}=${value}`)
        .join(",");
      return {
        id: `t${++runs} 1`,
        partition: runs % PARTITIONS,
        taskId: `t${runs}`,
        traceparent: "",
        endTime: now(),
        row: { ...NO_ROW, agent, engine, account, model, label },
        outcome: "succeeded",
        tokens: { input: 1, output: 2, cacheRead: 3, cacheCreation: 4 },
        costMicroUsd: 250_000,
        runMs: 1,
        waitMs: 1,
        ...rest,
      };
    };
    const context = {} as Parameters<typeof monitor.handlers.putBudget>[1];
    const put = async (asked: Asked) => {
      const budget = Budget.fromPartial({
        name: "b",
        holder: { holder: { $case: "agentId", value: "alice" } },
        unit: BudgetUnit.REQUESTS,
        limit: 10,
        period: BudgetPeriod.DAY,
        ...asked,
      });
      return (await monitor.handlers.putBudget({ budget, who: "ada" }, context)).standing;
    };
    const listed = async (agentId = ""): Promise<readonly BudgetStanding[]> =>
      (await monitor.handlers.listBudgets({ agentId }, context)).budgets ?? [];
    const remove = (name: string) => monitor.handlers.deleteBudget({ name }, context);
    const used = async () => Object.fromEntries((await listed()).map(({ budget, used }) => [budget?.name, used]));
    const record = async (count: number, more: Parameters<typeof run>[0] = {}) => {
      for (let i = 0; i < count; i++) await monitor.usage.record(run(more));
      // What a new budget reads from usage may be a second old.
      clock.ms += 1_000;
    };
    return { clock, now, queue, calls, monitor, replica, run, put, list: listed, remove, used, record };
  }
  const thresholds = async () => {
    const entries = await redis.client.xrange(eventsKey(0), "-", "+");
    return entries.flatMap(([id, fields]) => {
      const event = decodeEvent(0, id, fields);
      return event?.data?.$case === "usageThreshold" ? [{ agent: event.agentId, ...event.data.value }] : [];
    });
  };

  it("count each run once for each budget whose holder it has, equal to a plain recomputation, whenever the budget was made", async () => {
    const { clock, monitor, put, run, used } = world();
    const holders = [
      { $case: "everybody", value: true },
      { $case: "agentId", value: "alice" },
      { $case: "label", value: "team=blue" },
      { $case: "model", value: "m 1" },
      { $case: "engine", value: "e" },
      { $case: "account", value: { engine: "e", account: "team" } },
    ] as const;
    const matches = [
      () => true,
      (r: Run) => r.row.agent === "alice",
      (r: Run) => r.labels?.["team"] === "blue",
      (r: Run) => r.row.model === "m 1",
      (r: Run) => r.row.engine === "e",
      (r: Run) => r.row.engine === "e" && r.row.account === "team",
    ];
    const units = [BudgetUnit.USD, BudgetUnit.TOKENS, BudgetUnit.REQUESTS];
    const amount = [(r: Run) => (r.costMicroUsd ?? 0) / 1e6, (r: Run) => (r.tokens ? 10 : 0), () => 1];
    const all: Run[] = [];
    const random = seeded(7);
    for (let step = 0; step < 60; step++) {
      // A third of the runs end before the budgets are made, and others come late or twice.
      if (step === 20)
        for (const [h, holder] of holders.entries())
          for (const [u, unit] of units.entries())
            await put({
              ...{ name: `${h}.${u}`, holder: { holder }, unit, limit: 1_000, period: BudgetPeriod.MONTH },
              action: BudgetAction.PARK,
            });
      const engine = random() < 0.5 ? "e" : "f";
      const late = random() < 0.2 ? 30 * MINUTE_MS : 0;
      const one = run({
        agent: random() < 0.5 ? "alice" : "bob",
        labels: random() < 0.5 ? { other: "x", team: "blue" } : {},
        ...{ engine, account: engine === "e" && random() < 0.5 ? "team" : "" },
        model: random() < 0.5 ? "m 1" : "m",
        endTime: new Date(clock.ms - late),
        ...(random() < 0.2 && { costMicroUsd: undefined, tokens: undefined }),
        outcome: random() < 0.3 ? "failed" : "succeeded",
      });
      all.push(one);
      await monitor.usage.record(one);
      if (random() < 0.3) await monitor.usage.record(one);
      clock.ms += Math.floor(random() * 4 * MINUTE_MS);
    }
    const expected = Object.fromEntries(
      holders.flatMap((_, h) =>
        units.map((_unit, u) => [
          `${h}.${u}`,
          all.filter(matches[h] ?? (() => false)).reduce((sum, each) => sum + (amount[u]?.(each) ?? 0), 0),
        ]),
      ),
    );
    assert.deepEqual(await used(), expected);
  });

  it("of a label that usage does not know begin with nothing, and count from the moment on when they are made", async () => {
    const { put, record, used } = world();
    await record(2, { labels: { secret: "x" } });
    await put({ holder: { holder: { $case: "label", value: "secret=x" } } });
    await record(3, { labels: { secret: "x" } });
    assert.deepEqual(await used(), { b: 3 });
  });

  it("of such a label count every run that ends after the call, also at a replica that has just looked", async () => {
    const { put, run } = world({ looksAnew: false });
    const looked = openBudgetCounters(redis.client, log);
    await looked();
    await put({ holder: { holder: { $case: "label", value: "secret=x" } } });
    const countersOf = await looked();
    assert.equal(countersOf(run({ labels: { secret: "x" } })).length, 1);
  });

  it("say how many runs of unknown cost or tokens did not count", async () => {
    const { put, record, list } = world();
    await put({ name: "usd", unit: BudgetUnit.USD });
    await put({ name: "tokens", unit: BudgetUnit.TOKENS, limit: 100 });
    await record(2);
    await record(3, { costMicroUsd: undefined });
    await record(1, { tokens: undefined });
    const found = (await list()).map(({ budget, used, runs, unknownRuns }) => [budget?.name, used, runs, unknownRuns]);
    assert.deepEqual(found, [
      ["tokens", 50, 6n, 1n],
      ["usd", 0.75, 6n, 3n],
    ]);
  });

  it("begin again at each period, and drop the counters of periods that are over", async () => {
    const { clock, put, record, used, monitor } = world({ at: "2026-03-29T00:10:00Z" });
    await put({ name: "hour", period: BudgetPeriod.HOUR, timeZone: "Asia/Kolkata" });
    await put({ name: "day", timeZone: "Europe/Berlin" });
    clock.ms += 2 * MINUTE_MS;
    await record(2);
    assert.deepEqual(await used(), { day: 2, hour: 2 });
    clock.ms = Date.parse("2026-03-29T00:30:00Z");
    assert.deepEqual(await used(), { day: 2, hour: 0 });
    await record(1);
    // This day has 23 hours in Berlin.
    clock.ms = Date.parse("2026-03-29T21:59:59Z");
    assert.deepEqual(await used(), { day: 3, hour: 0 });
    clock.ms += 1_000;
    assert.deepEqual(await used(), { day: 0, hour: 0 });
    clock.ms += 26 * HOUR_MS;
    await monitor.turn();
    assert.deepEqual([...(await monitor.usage.readCounters()).keys()], []);
  });

  it("that cannot be read keep their counters, as during an upgrade, and can be deleted", async () => {
    const { clock, put, record, monitor, remove, used } = world();
    await put({ name: "newer" });
    await put({ name: "gone" });
    clock.ms += 2 * MINUTE_MS;
    await record(3);
    await remove("gone");
    const stored = (await redis.client.hget("ccsp:monitor:{0}:budgets", "newer")) ?? "";
    await redis.client.hset("ccsp:monitor:{0}:budgets", "newer", "r1 {}");
    clock.ms += 2 * MINUTE_MS;
    await monitor.turn();
    const names = [...(await monitor.usage.readCounters()).keys()].map((counter) => counter.split("/")[0]);
    assert.deepEqual(names, ["newer"]);
    await redis.client.hset("ccsp:monitor:{0}:budgets", "newer", stored);
    assert.deepEqual(await used(), { newer: 3 });
    await redis.client.hset("ccsp:monitor:{0}:budgets", "newer", "r1 {}");
    await assert.rejects(put({ name: "newer" }), /cannot be read by this release/);
    await remove("newer");
    assert.equal(await redis.client.exists("ccsp:monitor:{0}:budgets"), 0);
  });

  it("keep what was counted when the limit changes, and count from 0 for another holder", async () => {
    const { clock, put, record } = world();
    await put({});
    clock.ms += 2 * MINUTE_MS;
    await record(4);
    assert.equal((await put({ limit: 5, action: BudgetAction.PARK }))?.used, 4);
    assert.equal((await put({ holder: { holder: { $case: "agentId", value: "bob" } } }))?.used, 0);
    assert.equal((await put({}))?.used, 4);
  });

  it("report each share once in a period, also when two replicas evaluate, and the largest when several are reached", async () => {
    const { clock, put, record, monitor, replica } = world();
    const other = replica();
    const turns = () => Promise.all([monitor.turn(), other.turn()]);
    await put({ warnShares: [0.5, 0.8] });
    clock.ms += 2 * MINUTE_MS;
    await record(4);
    await turns();
    assert.deepEqual(await thresholds(), []);
    await record(1);
    await turns();
    await turns();
    await record(5);
    await turns();
    clock.ms += 24 * HOUR_MS;
    await record(8);
    await turns();
    const told = (await thresholds()).map(({ agent, name, threshold, share, action, periodStartTime }) => [
      ...[agent, name, threshold, share, action],
      periodStartTime?.toISOString().slice(0, 10),
    ]);
    assert.deepEqual(told, [
      ["alice", "b", 0.5, 0.5, "warn", "2026-03-10"],
      ["alice", "b", 1, 1, "refuse", "2026-03-10"],
      ["alice", "b", 0.8, 0.8, "warn", "2026-03-11"],
    ]);
  });

  it("send the queue what is used up at once, repeat it, and take it back when the limit is raised or the budget is deleted", async () => {
    const { clock, put, record, monitor, calls, remove } = world();
    await put({ limit: 2 });
    await put({
      name: "all",
      holder: { holder: { $case: "everybody", value: true } },
      limit: 2,
      action: BudgetAction.PARK,
    });
    await monitor.turn();
    assert.deepEqual(calls.splice(0), [{ holds: [] }]);
    await record(2);
    await monitor.turn();
    const endTime = new Date("2026-03-11T00:00:00Z");
    const own = { budget: "b", action: BudgetAction.REFUSE, limit: "2 requests a day", endTime, holdsRuns: false };
    const ofAll = { ...own, budget: "all", action: BudgetAction.PARK, scope: { scope: { $case: "all", value: true } } };
    const ofAlice = { ...own, scope: { scope: { $case: "agentId", value: "alice" } } };
    assert.deepEqual(calls.splice(0), [{ holds: [ofAll, ofAlice] }]);
    await monitor.turn();
    assert.deepEqual(calls.splice(0), []);
    clock.ms += 5_000;
    await monitor.turn();
    assert.deepEqual(calls.splice(0), [{ holds: [ofAll, ofAlice] }]);
    await put({ limit: 3 });
    await monitor.turn();
    assert.deepEqual(calls.splice(0), [{ holds: [ofAll] }]);
    await remove("all");
    await monitor.turn();
    assert.deepEqual(calls.splice(0), [{ holds: [] }]);
  });

  it("of a model, an engine and an account reach the queue and Redis where 0.3.0 leaves them out, and no other budget is lost", async () => {
    const { put, record, monitor, calls, list } = world();
    const holders = [
      { $case: "account", value: { engine: "e", account: "team" } },
      { $case: "engine", value: "e" },
      { $case: "model", value: "m" },
    ] as const;
    for (const holder of holders) await put({ name: holder.$case, holder: { holder }, limit: 1, action: 0 });
    await put({ limit: 1 });
    await record(1, { engine: "e", account: "team", model: "m" });
    await monitor.turn();
    const { holds, laterHolds } = calls.at(-1) ?? {};
    assert.deepEqual(
      holds?.map(({ scope }) => scope),
      [{ scope: { $case: "agentId", value: "alice" } }],
    );
    assert.deepEqual(
      laterHolds?.map(({ scope, action }) => [scope?.scope, action]),
      holders.map((holder) => [holder, holder.$case === "account" ? BudgetAction.PARK : BudgetAction.REFUSE]),
    );
    const stored = await redis.client.hgetall("ccsp:monitor:{0}:budgets");
    const readByOld = Object.keys(stored).filter((name) => stored[name]?.includes('"holder":'));
    assert.deepEqual(readByOld, ["b"]);
    const shown = await list();
    assert.deepEqual(
      shown.map(({ budget }) => budget?.holder?.holder),
      [holders[0], { $case: "agentId", value: "alice" }, holders[1], holders[2]],
    );
    assert.deepEqual(
      (await list("alice")).map(({ budget }) => budget?.name),
      ["b"],
      "an agent sees its own only",
    );
  });

  it("send the queue what is used up again when the clock went back, and do not wait until it catches up", async () => {
    const { clock, put, record, monitor, calls } = world();
    await put({ limit: 1 });
    await record(1);
    clock.ms += HOUR_MS;
    await monitor.turn();
    clock.ms -= HOUR_MS;
    calls.splice(0);
    await monitor.turn();
    assert.deepEqual(
      calls.map(({ holds }) => holds.map(({ budget }) => budget)),
      [["b"]],
    );
  });

  it("show in a signal for how long the queue has not accepted them, and send them when it does again", async () => {
    const { clock, now, put, record, monitor, calls, queue } = world();
    await put({ limit: 1 });
    await monitor.turn();
    await record(1);
    queue.fails = true;
    clock.ms += 90_000;
    await assert.rejects(monitor.turn());
    const signals = async () => (await monitor.signals.read(now())).map(({ metric, value }) => [metric, value]);
    assert.deepEqual(await signals(), [
      ["budget_used_ratio", 1],
      ["budget_state_age_seconds", 91],
    ]);
    queue.fails = false;
    await monitor.turn();
    assert.equal(calls.at(-1)?.holds.length, 1);
    assert.deepEqual((await signals()).at(-1), ["budget_state_age_seconds", 0]);
  });

  it("are listed for an agent when it holds them itself, and not found after they were deleted", async () => {
    const { put, list, remove } = world();
    await put({ name: "own" });
    await put({ name: "bob", holder: { holder: { $case: "agentId", value: "bob" } } });
    await put({ name: "all", holder: { holder: { $case: "everybody", value: true } } });
    const names = async (agent?: string) => (await list(agent)).map(({ budget }) => budget?.name);
    assert.deepEqual([await names(), await names("alice")], [["all", "bob", "own"], ["own"]]);
    const [own] = await list("alice");
    assert.deepEqual([own?.budget?.who, own?.budget?.timeZone, own?.budget?.warnShares], ["ada", "UTC", [0.8, 0.95]]);
    await remove("own");
    await assert.rejects(
      async () => remove("own"),
      (error) => error instanceof Refusal && error.reason === "BUDGET_NOT_FOUND",
    );
  });

  it("are refused with the field that is wrong, and nothing is stored", async () => {
    const { put, list } = world();
    const fieldsOf = async (asked: Asked): Promise<readonly string[]> => {
      try {
        await put(asked);
      } catch (error) {
        assert.ok(error instanceof Refusal, String(error));
        return error.fields.map(({ field }) => field.replace("budget.", ""));
      }
      return assert.fail("was accepted");
    };
    const label = (value: string) => ({ holder: { holder: { $case: "label", value } } }) as const;
    for (const limit of [0, -1, Number.NaN, 1.5, 2 ** 60]) assert.deepEqual(await fieldsOf({ limit }), ["limit"]);
    for (const limit of [-0.5, 2e9, 1e-9, Number.POSITIVE_INFINITY])
      assert.deepEqual(await fieldsOf({ unit: BudgetUnit.USD, limit }), ["limit"]);
    assert.deepEqual(await fieldsOf({ timeZone: "Europe/Atlantis" }), ["time_zone"]);
    assert.deepEqual(await fieldsOf({ name: "a b" }), ["name"]);
    for (const value of ["team", "=x", "Team=x", "team=a\u0000"])
      assert.deepEqual(await fieldsOf(label(value)), ["holder.label"]);
    assert.deepEqual(await fieldsOf({ holder: { holder: { $case: "agentId", value: "a b" } } }), ["holder.agent_id"]);
    const of = (holder: NonNullable<NonNullable<Asked["holder"]>["holder"]>) => ({ holder: { holder } });
    for (const value of ["", "a\u202eb", "a".repeat(129)])
      assert.deepEqual(await fieldsOf(of({ $case: "model", value })), ["holder.model"]);
    assert.deepEqual(await fieldsOf(of({ $case: "engine", value: "E" })), ["holder.engine"]);
    const account = (engine: string, name: string) => of({ $case: "account", value: { engine, account: name } });
    assert.deepEqual(await fieldsOf(account("E", "")), ["holder.account.engine", "holder.account.account"]);
    assert.deepEqual(await fieldsOf({ ...account("e", "team"), action: BudgetAction.REFUSE }), ["action"]);
    assert.deepEqual(await fieldsOf({ holder: {}, unit: 0, period: -1, action: -1 }), [
      "holder",
      "unit",
      "period",
      "action",
    ]);
    for (const warnShares of [[0], [1], [-0.1], Array.from({ length: 11 }, () => 0.5)])
      assert.deepEqual(await fieldsOf({ warnShares }), ["warn_shares"]);
    assert.deepEqual(await list(), []);
  });

  it("are at most a thousand", async () => {
    const { put } = world();
    await put({ name: "first" });
    const [stored] = await redis.client.hvals("ccsp:monitor:{0}:budgets");
    const more = Object.fromEntries(Array.from({ length: 999 }, (_, i) => [`more-${i}`, stored ?? ""]));
    await redis.client.hset("ccsp:monitor:{0}:budgets", more);
    await assert.rejects(
      put({ name: "one-too-many" }),
      (error) => error instanceof Refusal && /1000/.test(error.message),
    );
    await put({ name: "first", limit: 5 });
  });

  describe("with runs under way", () => {
    const dollars = { unit: BudgetUnit.USD, limit: 1 } as const;
    const task = ({ costUsd = 0, ...more }: RunningTask & { costUsd?: number } = {}): RunningTask => ({
      agentId: "alice",
      state: TaskState.RUNNING,
      usageSoFar: { costUsd, usage: { inputTokens: 100n, outputTokens: 20n, cacheReadTokens: 3n } },
      ...more,
    });
    const heldOf = ({ calls }: Pick<ReturnType<typeof world>, "calls">) =>
      [...(calls.at(-1)?.holds ?? []), ...(calls.at(-1)?.laterHolds ?? [])].map(({ budget }) => budget);

    it("are used up before the runs end, hold them, and tell each share once", async () => {
      const { clock, put, monitor, calls, queue, record, list } = world();
      await put({ ...dollars, warnShares: [0.5] });
      await record(1);
      queue.running = [task({ costUsd: 0.5 }), task({ costUsd: 0.2 })];
      await monitor.turn();
      assert.deepEqual(heldOf({ calls }), []);
      clock.ms += 1_000;
      queue.running = [task({ costUsd: 0.5 }), task({ costUsd: 0.3 })];
      await monitor.turn();
      assert.deepEqual(
        calls.at(-1)?.holds.map(({ budget, action, holdsRuns }) => [budget, action, holdsRuns]),
        [["b", BudgetAction.REFUSE, true]],
      );
      const [shown] = await list();
      assert.deepEqual(
        [shown?.used, shown?.actionInForce, shown?.runs, shown?.unknownRuns],
        [1.05, BudgetAction.REFUSE, 1n, 0n],
      );
      // A run has ended, and its event is not counted yet. Then it is.
      queue.running = [task({ costUsd: 0.5 })];
      clock.ms += 1_000;
      await monitor.turn();
      assert.deepEqual(heldOf({ calls }), [], "the dip that is accepted");
      await record(1, { costMicroUsd: 300_000 });
      await monitor.turn();
      assert.deepEqual(heldOf({ calls }), ["b"]);
      assert.deepEqual(
        (await thresholds()).map(({ threshold }) => threshold),
        [0.5, 1],
      );
    });

    it("count those of their holder and no others, as they count ended runs", async () => {
      const { clock, put, used, queue } = world();
      const holders = {
        everybody: { $case: "everybody", value: true },
        agent: { $case: "agentId", value: "alice" },
        label: { $case: "label", value: "team=blue" },
        model: { $case: "model", value: "m" },
        engine: { $case: "engine", value: "e" },
        account: { $case: "account", value: { engine: "e", account: "team" } },
      } as const;
      for (const [name, holder] of Object.entries(holders))
        for (const unit of [BudgetUnit.USD, BudgetUnit.TOKENS, BudgetUnit.REQUESTS])
          await put({ ...{ name: `${name}.${unit}`, holder: { holder }, unit }, action: BudgetAction.PARK });
      const soFar = (costUsd: number, model: string) => ({ costUsd, model, usage: { inputTokens: 10n } });
      queue.running = [
        task({ usageSoFar: soFar(1, "m"), spec: { engine: "f", model: "alias", labels: { team: "red" } } }),
        task({ agentId: "bob", usageSoFar: soFar(2, ""), spec: { engine: "f", model: "m" } }),
        task({ agentId: "bob", usageSoFar: soFar(4, "n"), spec: { engine: "e", model: "m" } }),
        task({ agentId: "bob", usageSoFar: soFar(8, ""), spec: { engine: "f", labels: { x: "", team: "blue" } } }),
        task({ usageSoFar: undefined, spec: { engine: "e", labels: { team: "blue" } } }),
      ];
      clock.ms += 1_000;
      // The account of a run is known at its end.
      const [usd, runs] = [{ account: 0, agent: 1, engine: 4, everybody: 15, label: 8, model: 3 }, [0, 1, 1, 4, 1, 2]];
      const expected = Object.entries(usd).flatMap(([name, value], i) => [
        [`${name}.${BudgetUnit.USD}`, value],
        [`${name}.${BudgetUnit.TOKENS}`, (runs[i] ?? 0) * 10],
        [`${name}.${BudgetUnit.REQUESTS}`, 0],
      ]);
      assert.deepEqual(await used(), Object.fromEntries(expected));
    });

    it("count the tokens of a run whose cost is not known by the price of its model", async () => {
      const { clock, put, used, queue } = world();
      await put(dollars);
      clock.ms += 1_000;
      const usage = { inputTokens: 1_000n, outputTokens: 2_000n };
      queue.running = [task({ usageSoFar: { usage, model: "claude-sonnet-4-5" } })];
      assert.deepEqual(await used(), { b: 0.033 });
    });

    it("do not count a run twice that ends between two reads, nor in a list of that time", async () => {
      const { clock, put, monitor, calls, queue, used, record } = world();
      await put({ ...dollars, limit: 0.4 });
      // The counters of the budget have begun.
      clock.ms += 2 * MINUTE_MS;
      queue.running = [task({ costUsd: 0.25 })];
      queue.meanwhile = async () => {
        queue.meanwhile = undefined;
        await record(1);
        clock.ms -= 1_000;
      };
      await monitor.turn();
      assert.equal(queue.meanwhile, undefined, "the run has ended while the queue answered");
      assert.deepEqual(heldOf({ calls }), []);
      queue.running = [];
      clock.ms += 900;
      assert.deepEqual(await used(), { b: 0.25 }, "an answer of the same second");
      clock.ms += 100;
      await monitor.turn();
      assert.deepEqual(heldOf({ calls }), []);
      assert.deepEqual(await used(), { b: 0.25 });
      assert.deepEqual(await thresholds(), []);
    });

    it("count only ended runs while the queue cannot be read, and when it does not say what runs have used", async () => {
      const { clock, now, put, monitor, calls, queue, used, record } = world();
      await put(dollars);
      await record(5);
      queue.running = [task({ costUsd: 5 })];
      queue.listFails = true;
      await monitor.turn();
      assert.deepEqual(heldOf({ calls }), ["b"], "what ended is enough");
      assert.deepEqual(await used(), { b: 1.25 });
      assert.equal((await monitor.signals.read(now()))[0]?.value, 1.25);
      queue.listFails = false;
      clock.ms += 1_000;
      assert.deepEqual(await used(), { b: 6.25 });
      queue.running = [task({ usageSoFar: undefined })];
      clock.ms += 1_000;
      assert.deepEqual(await used(), { b: 1.25 });
    });

    it("in requests do not count them and hold none, and the queue is not asked for them", async () => {
      const { put, monitor, calls, queue, used, now, record } = world();
      await put({ limit: 1 });
      await put({
        ...dollars,
        name: "a",
        holder: { holder: { $case: "account", value: { engine: "e", account: "t" } } },
      });
      queue.running = [task({ costUsd: 5 })];
      await monitor.turn();
      assert.deepEqual(heldOf({ calls }), []);
      await record(1);
      await monitor.turn();
      await monitor.signals.read(now());
      assert.deepEqual(await used(), { a: 0, b: 1 });
      assert.deepEqual(
        calls.at(-1)?.holds.map(({ budget, holdsRuns }) => [budget, holdsRuns]),
        [["b", false]],
      );
      assert.equal(queue.asked, 0);
    });

    it("ask the queue once for all who look in the same second, and anew before the queue is told", async () => {
      const { clock, now, put, monitor, calls, queue, used } = world();
      await put(dollars);
      clock.ms += 1_000;
      queue.asked = 0;
      await monitor.turn();
      await Promise.all([used(), monitor.signals.read(now()), used()]);
      assert.equal(queue.asked, 1);
      queue.running = [task({ costUsd: 1 })];
      clock.ms += 500;
      assert.deepEqual(await used(), { b: 0 });
      await monitor.turn();
      assert.deepEqual(heldOf({ calls }), ["b"]);
    });

    it("read all pages, up to 5,000 tasks", async () => {
      const { clock, put, queue, used } = world();
      await put({ ...dollars, limit: 1e6 });
      clock.ms += 1_000;
      queue.running = Array.from({ length: 1_000 }, () => task({ costUsd: 1 }));
      assert.deepEqual(await used(), { b: 1_000 });
      clock.ms += 1_000;
      queue.running = Array.from({ length: 5_001 }, () => task({ costUsd: 1 }));
      assert.deepEqual(await used(), { b: 5_000 });
    });
  });
});
