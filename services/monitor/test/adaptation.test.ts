import assert from "node:assert/strict";
import { decodeEvent, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { createClient, implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { AdaptedValue } from "@ccsp/protos/ccsp/event/v1/event.js";
import { GateScope, type PauseQueueRequest, type ResumeQueueRequest } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { GetLimitsResponse, type SetLimitsRequest } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { pino } from "pino";
import { createAdaptation, type Mode } from "../src/adaptation/adaptation.js";
import type { Pressure } from "../src/adaptation/domain/pressure.js";
import { adaptationHandlers } from "../src/adaptation/handlers.js";
import { queueLevers, slotChangesIn } from "../src/adaptation/queue-levers.js";
import { readAdapted } from "../src/adaptation/stored.js";
import { openState } from "../src/state/state-store.js";

const log = pino({ level: "silent" });
const MINUTE = 60_000;
const TURN = Date.parse("2026-01-05T13:00:00Z");
const TEAM = "account/claude-code/team";

describe("adaptation", () => {
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

  let now: number;
  let pressures: Pressure[];
  let sets: SetLimitsRequest[];
  let pauses: PauseQueueRequest[];
  let resumes: ResumeQueueRequest[];
  let status: GetStatusResponse;
  let close: () => Promise<void>;
  let queue: Parameters<typeof queueLevers>[0];
  beforeEach(async () => {
    await redis.client.flushall();
    now = Date.parse("2026-01-05T10:00:00Z");
    pressures = [];
    [sets, pauses, resumes] = [[], [], []];
    status = GetStatusResponse.fromPartial({});
    const high = { value: { $case: "weight" as const, value: 16 } };
    const rate = { value: { $case: "rate" as const, value: { startsPerMinute: 0, tokensPerMinute: 900 } } };
    const limits = GetLimitsResponse.fromPartial({
      limits: [
        { name: "weight/class/high", value: high, defaultValue: high },
        { name: "rate/account/*", value: rate, defaultValue: rate },
      ],
      range: { minWeight: 1, maxWeight: 50, minRate: { startsPerMinute: 1 }, maxRate: {} },
    });
    const served = await serveGrpc({
      listen: { host: "127.0.0.1", port: 0 },
      services: [
        implementSome(QueueServiceService, {
          getLimits: async () => limits,
          getStatus: async () => status,
          setLimits: async (request) => {
            sets.push(request);
            return { limits: [] };
          },
          pauseQueue: async (request) => {
            pauses.push(request);
            return { gate: undefined };
          },
          resumeQueue: async (request) => {
            resumes.push(request);
            return { resumed: true };
          },
        }),
      ],
      log,
      lameDuckMs: 0,
      drainMs: 100,
    });
    const client = createClient(QueueServiceService, `127.0.0.1:${served.port}`);
    queue = client;
    close = async () => {
      client.close();
      await served.close();
    };
  });
  afterEach(() => close());

  const replica = (mode: Mode = "on") =>
    createAdaptation({
      state: openState({ redis: redis.client, log, part: "adaptation", parse: readAdapted }),
      sources: [{ read: async () => pressures }],
      levers: queueLevers(queue, () => now),
      slotChanges: async () => slotChangesIn(await queue.getStatus({})),
      mode,
    });
  const press = (predictedShare: number, more: Partial<Pressure> = {}): void => {
    pressures = [
      {
        ...{ subject: TEAM, scope: "the five-hour window", usedShare: 0.5, predictedShare, startsPerMinute: 10 },
        ...{ fillingStarts: 2_000, turnMs: TURN, ...more },
      },
    ];
  };
  const told = async () =>
    (await redis.client.xrange(eventsKey(0), "-", "+")).flatMap(([id, fields]) => {
      const data = decodeEvent(0, id, fields)?.data;
      return data?.$case === "adaptationDecided" ? [data.value] : [];
    });
  const changesOf = ({ changes }: SetLimitsRequest) =>
    changes.map(({ name, value, endAfter }) => [
      name,
      value?.value?.$case === "rate" ? value.value.value : value?.value?.value,
      Number(endAfter?.seconds ?? 0n),
    ]);

  it("slows a login whose forecast passes 90 %, favours urgent work, and says why in an event each", async () => {
    press(0.95);
    await replica().turn(new Date(now));
    assert.deepEqual(sets.flatMap(changesOf), [
      [`rate/${TEAM}`, { startsPerMinute: 5.5, tokensPerMinute: 900 }, 900],
      ["weight/class/high", 50, 900],
    ]);
    assert.ok(sets.every(({ automatic, who }) => automatic && who === "ccsp-adaptation"));
    assert.equal(sets[0]?.why, "slower: 50 % of the five-hour window is used, and 95 % is forecast within the hour");
    assert.deepEqual(
      (await told()).map(({ what, subject, dryRun }) => [what, subject, dryRun]),
      [
        ["rate", TEAM, false],
        ["weight", "class/high", false],
      ],
    );
  });

  it("tells each decision once when two replicas decide at the same time, and both renew what is in force", async () => {
    press(0.95);
    await Promise.all([replica().turn(new Date(now)), replica().turn(new Date(now))]);
    assert.equal((await told()).length, 2);
    sets = [];
    now += MINUTE;
    await replica().turn(new Date(now));
    assert.equal((await told()).length, 2);
    assert.equal(sets.flatMap(changesOf).length, 2, "a replica that died before the call is made up for");
  });

  it("lets go after a calm hour, and then returns to the settings", async () => {
    press(0.95);
    await replica().turn(new Date(now));
    press(0.6, { startsPerMinute: 1 });
    for (let turn = 0; turn < 14; turn++) {
      now += 5 * MINUTE;
      await replica().turn(new Date(now));
    }
    const decisions = await told();
    assert.deepEqual(
      decisions.slice(-2).map(({ what, after }) => [what, after]),
      [
        ["rate", 0],
        ["weight", 16],
      ],
    );
    assert.deepEqual(sets.flatMap(changesOf).slice(-2), [
      [`rate/${TEAM}`, undefined, 0],
      ["weight/class/high", undefined, 0],
    ]);
  });

  it("changes nothing when it runs dry, and tells the same decisions once, not again with each look", async () => {
    press(0.95, { fillingStarts: 1_000, turnMs: undefined });
    for (let minute = 0; minute < 40; minute++) {
      await replica("dry-run").turn(new Date(now));
      now += MINUTE;
    }
    assert.deepEqual([sets, pauses], [[], []]);
    const decisions = await told();
    assert.ok(decisions.every(({ dryRun }) => dryRun));
    assert.equal(decisions.filter(({ what }) => what === "rate").length, 1);
  });

  it("decides nothing when it is off, and nothing while a forecast cannot be known", async () => {
    press(0.95);
    await replica("off").turn(new Date(now));
    const failing = createAdaptation({
      state: openState({ redis: redis.client, log, part: "adaptation", parse: readAdapted }),
      sources: [{ read: () => Promise.reject(new Error("no forecast")) }],
      levers: queueLevers(queue, () => now),
      slotChanges: async () => [],
      mode: "on",
    });
    await assert.rejects(failing.turn(new Date(now)), /no forecast/);
    assert.deepEqual([await told(), sets], [[], []]);
  });

  it("closes the gate last, for 15 minutes that it renews, leaves a person's gate alone, and opens only its own", async () => {
    press(1.3, { usedShare: 0.9 });
    const turn = async (minutes: number) => {
      for (let minute = 0; minute < minutes; minute++) {
        now += MINUTE;
        await replica().turn(new Date(now));
      }
    };
    status = GetStatusResponse.fromPartial({
      gates: [{ scope: scopeOf("claude-code", "team"), who: "ada", why: "maintenance" }],
    });
    await turn(1);
    press(1.3, { usedShare: 0.996, startsPerMinute: 0.2 });
    await turn(10);
    assert.ok((await told()).some(({ what, after }) => what === "gate" && after === 1));
    assert.equal(pauses.length, 0, "a person closed it before");
    status = GetStatusResponse.fromPartial({});
    await turn(1);
    assert.deepEqual(
      pauses.map(({ scope, who, openAfter }) => [scope?.scope?.$case, who, openAfter?.seconds]),
      [["account", "ccsp-adaptation", 900n]],
    );
    status = GetStatusResponse.fromPartial({
      gates: [
        {
          scope: scopeOf("claude-code", "team"),
          who: "ccsp-adaptation",
          why: "w",
          openTime: new Date(now + 15 * MINUTE),
        },
      ],
    });
    await turn(5);
    assert.equal(pauses.length, 1, "a renewal is an event, so it waits");
    await turn(6);
    assert.ok(pauses.length > 1);
    press(0.02, { usedShare: 0.01 });
    await turn(1);
    assert.deepEqual(
      resumes.map(({ scope, who }) => [scope?.scope?.$case, who]),
      [["account", "ccsp-adaptation"]],
    );
  });

  it("tells what executors decided about their slots once, also when it runs dry", async () => {
    const change = {
      engine: "claude-code",
      before: 4,
      after: 3,
      reason: "CPU at 91 %",
      time: new Date(now - 5),
      dryRun: false,
    };
    status = GetStatusResponse.fromPartial({ executors: [{ executorId: "host-1", slotChanges: [change] }] });
    for (const mode of ["on", "dry-run", "off"] as const) await replica(mode).turn(new Date(now));
    assert.deepEqual(await told(), [
      {
        what: "concurrency",
        whatEnum: AdaptedValue.CONCURRENCY,
        subject: "executor/host-1/claude-code",
        before: 4,
        after: 3,
        reason: "CPU at 91 %",
        dryRun: false,
      },
    ]);
    const { adapted } = await adaptationHandlers(replica()).getAdaptation({}, Object.create(null));
    assert.deepEqual(
      adapted.map(({ subject, inForce }) => [subject, inForce?.what, inForce?.after]),
      [["executor/host-1/claude-code", "concurrency", 3]],
    );
    // The executor still runs, and still names this change.
    now += 25 * 60 * MINUTE;
    for (let turns = 0; turns < 3; turns += 1) await replica().turn(new Date(now));
    assert.deepEqual((await adaptationHandlers(replica()).getAdaptation({}, Object.create(null))).adapted, []);
    assert.equal((await told()).length, 1);
  });

  it("keeps at most 1,000 executors that changed their slots, such as those that came and went in a day", async () => {
    const change = { engine: "claude-code", before: 4, after: 3, reason: "CPU at 91 %", time: new Date(now) };
    for (const day of ["a", "b"]) {
      const executors = Array.from({ length: 600 }, (_, n) => ({
        executorId: `host-${day}-${n}`,
        slotChanges: [change],
      }));
      status = GetStatusResponse.fromPartial({ executors });
      await replica().turn(new Date(now));
    }
    assert.equal(await redis.client.hlen("ccsp:monitor:{0}:adaptation"), 1_000);
  });
});

const scopeOf = (engine: string, account: string) =>
  GateScope.fromPartial({ scope: { $case: "account", value: { engine, account } } });
