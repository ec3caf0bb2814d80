import assert from "node:assert/strict";
import { parkedKey } from "@ccsp/events";
import { CallError } from "@ccsp/grpc-kit";
import { AlertCondition, AlertRule, AlertState } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { createAlerts } from "../src/alerts/alerts.js";
import type { AlertRule as Rule } from "../src/alerts/domain/rule.js";
import { openAlertStores } from "../src/alerts/stored.js";
import { collectSignals } from "../src/signals/read-signals.js";
import type { Signal } from "../src/signals/signal.js";
import { type AlertsRig, openAlertsRig, RULE } from "./alerts-rig.js";
import type { RunningMonitor } from "./start-monitor.js";

const log = pino({ level: "silent" });
const MINUTE_MS = 60_000;

describe("alerts", () => {
  let rig: AlertsRig;
  let client: RunningMonitor["client"];
  before(async () => {
    rig = await openAlertsRig();
    ({ client } = await rig.start("one"));
  });
  after(() => rig.close());

  it("are reported once although two replicas judge at the same time, and a source that fails changes nothing", async () => {
    let nowMs = Date.parse("2026-01-05T10:00Z");
    let [signals, away]: [readonly Signal[], boolean] = [[], false];
    const source = {
      metrics: [{ name: "heat", help: "how hot it is", labels: ["engine"] }],
      read: async () => {
        if (away) throw new Error("the source is away");
        return signals;
      },
    };
    const replica = () =>
      createAlerts({
        stores: openAlertStores(rig.redis.client, log),
        signals: collectSignals([source]),
        publish: async () => undefined,
        now: () => nowMs,
        mostUnseenMs: 2 * MINUTE_MS,
        log,
      });
    const replicas = [replica(), replica(), replica()];
    const turn = () => Promise.all(replicas.map((each) => each.turn(new AbortController().signal)));
    const rule: Rule = {
      name: "hot",
      metric: "heat",
      matchers: [],
      condition: ">",
      threshold: 0.5,
      fireAfterMs: MINUTE_MS,
      keepFiringMs: MINUTE_MS,
      severity: "warning",
      labels: {},
      summary: "hot",
      whatToDo: "",
      channels: [],
      disabled: false,
    };
    await replicas[0]?.putRule(rule, "ada");
    let seed = 7;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    for (let round = 0; round < 150; round += 1) {
      nowMs += MINUTE_MS / 2;
      // A signal holds a while, so that alerts fire and end.
      if (round % 4 === 0)
        signals = ["e1", "e2", "e3"].map((engine) => ({ metric: "heat", labels: { engine }, value: random() }));
      away = random() < 0.1;
      const before = (await rig.told("hot")).length;
      await turn();
      if (away) assert.equal((await rig.told("hot")).length, before);
    }
    const all = await rig.told("hot");
    assert.ok(all.length > 20);
    for (const engine of ["e1", "e2", "e3"]) {
      const own = all.filter((text) => text.endsWith(engine)).map((text) => text.split(" ")[0]);
      assert.deepEqual(
        own,
        own.map((_, at) => (at % 2 === 0 ? "firing" : "resolved")),
      );
    }
    const ids = (await rig.events()).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, "no event is there twice");
  });

  it("of a built-in rule come from real signals, stop when it is switched off, and return with a delete", async () => {
    await rig.redis.client.xadd(parkedKey(0, "notification"), "*", "id", "x");
    const parked = () => client.listAlerts({ rule: "parked-events" });
    const state = async () => (await parked()).alerts.map((alert) => `${AlertState[alert.state]} ${alert.summary}`);
    const firing = "FIRING 1 events that notification could not handle are parked";
    await eventually(async () => assert.deepEqual(await state(), [firing]));
    const rules = async () => (await client.listAlertRules({})).rules;
    const [shipped] = (await rules()).filter(({ rule }) => rule?.name === "parked-events");
    assert.deepEqual([shipped?.builtIn, shipped?.stored, shipped?.firing], [true, false, 1]);

    const off = { ...AlertRule.fromPartial(shipped?.rule ?? {}), disabled: true };
    const { rule } = await client.putAlertRule({ rule: off, who: "ada" });
    assert.deepEqual([rule?.stored, rule?.changedBy], [true, "ada"]);
    await eventually(async () => assert.deepEqual(await state(), [firing.replace("FIRING", "RESOLVED")]));
    const back = await client.deleteAlertRule({ name: "parked-events" });
    assert.deepEqual([back.rule?.stored, back.rule?.rule?.disabled], [false, false]);
    await eventually(async () => assert.deepEqual((await state())[0], firing));
  });

  it("of the queue come from its status: the age of a class, and an engine that is frozen, without work that a gate holds", async () => {
    const offer = { freeSlots: 2, slots: 2, account: "team" };
    const waiting = (engine: string, minutes: number) => ({
      engine,
      priority: Priority.HIGH,
      waiting: 1n,
      oldestAge: toDuration(minutes * MINUTE_MS),
    });
    const served = ["idle", "paused", "limited", "busy"];
    rig.queue.status = {
      depths: [
        waiting("idle", 20),
        { ...waiting("paused", 20), paused: true },
        waiting("limited", 20),
        { ...waiting("busy", 90), running: 1n },
        waiting("unserved", 5),
      ],
      executors: [
        { executorId: "x", engines: served.map((engine) => ({ ...offer, engine })) },
        { executorId: "y", draining: true, engines: [{ ...offer, engine: "unserved" }] },
      ],
      gates: [{ scope: { scope: { $case: "account", value: { engine: "limited", account: "team" } } } }],
    };
    const valuesOf = async (metric: string) =>
      (await client.listSignals({ metric })).metrics.flatMap(({ values }) =>
        values.map(({ labels, value }) => `${Object.values(labels).join(" ")} ${value}`).toSorted(),
      );
    assert.deepEqual(await valuesOf("engine_stalled_seconds"), [
      "busy busy 5400",
      "idle idle 1200",
      "unserved unserved 300",
    ]);
    assert.deepEqual(await valuesOf("queue_oldest_wait_seconds"), [
      "busy high 5400",
      "idle high 1200",
      "limited high 1200",
      "unserved high 300",
    ]);
    // A run that has just ended shows that the engine works.
    await rig.fail("busy");
    await eventually(async () => {
      const [busy = ""] = await valuesOf("engine_stalled_seconds");
      assert.match(busy, /^busy busy \d{1,2}(\.\d+)?$/);
    });
    rig.queue.status = {};
  });

  it("of a task that runs away compare its time with that of its peers", async () => {
    const now = Date.now();
    const ago = (minutes: number) => new Date(now - minutes * MINUTE_MS);
    const task = (id: string, engine: string, minutes: number) => ({
      id,
      agentId: "a",
      spec: { engine },
      startTime: ago(minutes),
    });
    rig.queue.running = [task("long", "e", 45), task("short", "e", 9)];
    rig.queue.succeeded = Array.from({ length: 20 }, (_, at) => ({
      ...task(String(at), "e", at + 1),
      endTime: ago(0),
    }));
    const values = async () => (await client.listSignals({ metric: "task_run_time_multiple" })).metrics[0]?.values;
    assert.deepEqual(
      (await values())?.map(({ labels, value }) => [labels["task"], Math.round(value * 10) / 10]),
      [["long", 2.4]],
    );
    rig.queue.succeeded = rig.queue.succeeded.slice(1);
    assert.deepEqual(await values(), [], "19 peers say too little");
    rig.queue.running = [];
  });

  it("cannot be judged while a source does not answer: the rule says so, and its alerts stay", async () => {
    const old = { engine: "e", priority: Priority.LOW, waiting: 1n, oldestAge: toDuration(300 * MINUTE_MS) };
    rig.queue.status = { depths: [old] };
    const rule = { ...RULE, name: "old", metric: "queue_oldest_wait_seconds", summary: "{engine} waits {value}" };
    await client.putAlertRule({ rule, who: "ada" });
    await eventually(async () => assert.deepEqual(await rig.told("old"), ["firing e"]));
    rig.queue.fails = true;
    const fault = async () =>
      (await client.listAlertRules({})).rules.find((each) => each.rule?.name === "old")?.fault ?? "";
    assert.match(await fault(), /the queue is away/);
    // Several turns later, another rule fires, and this alert is as it was.
    await rig.redis.client.xadd(parkedKey(0, "monitor"), "*", "id", "x");
    await client.putAlertRule({ rule: { ...RULE, name: "next", metric: "parked_events" }, who: "ada" });
    await eventually(async () => assert.notEqual((await rig.told("next")).length, 0));
    rig.queue.status = {};
    assert.deepEqual(await rig.told("old"), ["firing e"]);
    rig.queue.fails = false;
    await eventually(async () => assert.deepEqual(await rig.told("old"), ["firing e", "resolved e"]));
  });

  it("are not reported while a silence matches them, and are when it is deleted", async () => {
    const made = await client.silenceAlerts({
      matchers: [
        { label: "rule", value: "strange", negated: false },
        { label: "engine", value: "e2", negated: true },
      ],
      reason: "we know",
      duration: toDuration(3_600_000),
      who: "ada",
      requestId: "once",
    });
    const again = {
      matchers: [{ label: "rule", value: "x", negated: false }],
      reason: "r",
      who: "bob",
      requestId: "once",
    };
    const repeated = await client.silenceAlerts({ ...again, duration: toDuration(60_000) });
    assert.deepEqual(repeated.silence, made.silence, "the same request makes one silence");
    const known = [{ label: "engine", value: "busy", negated: true }];
    await client.putAlertRule({ rule: { ...RULE, matchers: known }, who: "ada" });
    for (const engine of ["e1", "e2"]) await rig.fail(engine);
    await eventually(async () => assert.deepEqual(await rig.told("strange"), ["firing e2"]));
    await eventually(async () => {
      const { alerts } = await client.listAlerts({ rule: "strange", states: [AlertState.FIRING] });
      const silenced = alerts.map(({ labels, silencedBy }) => `${labels["engine"]} ${silencedBy.length}`);
      assert.deepEqual(silenced.toSorted(), ["e1 1", "e2 0"]);
    });
    const { silences } = await client.listSilences({});
    assert.deepEqual(
      silences.map(({ id, reason, who }) => ({ id, reason, who })),
      [{ id: made.silence?.id, reason: "we know", who: "ada" }],
    );
    await client.deleteSilence({ id: made.silence?.id ?? "" });
    await eventually(async () => assert.deepEqual(await rig.told("strange"), ["firing e2", "firing e1"]));
    await client.deleteAlertRule({ name: "strange" });
  });

  it("can be tested: a firing and its end, marked as a test, and nothing else changes", async () => {
    const { alert } = await client.testAlertRule({ name: "queue-age-high" });
    assert.equal(alert?.labels["test"], "true");
    const mine = (await rig.events()).flatMap(({ data }) =>
      (data?.$case === "alertFiring" || data?.$case === "alertResolved") && data.value.rule === "queue-age-high"
        ? [`${data.$case} ${data.value.summary} ${data.value.labels["test"]} ${data.value.alertId === alert?.id}`]
        : [],
    );
    const text = "Test: The oldest high task of test has waited 5 min true true";
    assert.deepEqual(mine, [`alertFiring ${text}`, `alertResolved ${text}`]);
    assert.deepEqual((await client.listAlerts({ rule: "queue-age-high" })).alerts, []);
  });

  it("refuse bad input with the field, and what is not there", async () => {
    const refused = async (call: Promise<unknown>): Promise<string> => {
      const error = await call.then(
        () => undefined,
        (err: unknown) => err,
      );
      assert.ok(error instanceof CallError, "the call was not refused");
      return `${error.reason} ${error.fields.map(({ field }) => field).join(" ")}`;
    };
    const put = (rule: Parameters<typeof AlertRule.fromPartial>[0], who = "ada") =>
      refused(client.putAlertRule({ rule: AlertRule.fromPartial({ ...RULE, ...rule }), who }));
    assert.equal(await refused(client.putAlertRule({ who: "ada" })), "INVALID_FIELD rule");
    assert.equal(await put({ name: "Not a name" }), "INVALID_FIELD rule.name");
    assert.equal(await put({ metric: "no_such" }), "INVALID_FIELD rule.metric");
    assert.equal(await put({ matchers: [{ label: "agent", value: "x" }] }), "INVALID_FIELD rule.matchers[0].label");
    assert.equal(await put({ condition: AlertCondition.UNSPECIFIED }), "INVALID_FIELD rule.condition");
    assert.equal(await put({ condition: AlertCondition.UNRECOGNIZED }), "INVALID_FIELD rule.condition");
    assert.equal(await put({ threshold: Number.NaN }), "INVALID_FIELD rule.threshold");
    assert.equal(await put({ threshold: Number.POSITIVE_INFINITY }), "INVALID_FIELD rule.threshold");
    assert.equal(await put({ fireAfter: toDuration(-1) }), "INVALID_FIELD rule.fire_after");
    assert.equal(await put({ keepFiringFor: toDuration(90_000_000) }), "INVALID_FIELD rule.keep_firing_for");
    assert.equal(await put({ summary: "", labels: { engine: "x" } }), "INVALID_FIELD rule.labels rule.summary");
    assert.equal(await put({ summary: "a\u001b[31m" }), "INVALID_FIELD rule.summary");
    assert.equal(await put({}, ""), "INVALID_FIELD who");
    assert.equal(await refused(client.deleteAlertRule({ name: "usage-80" })), "ALERT_RULE_NOT_FOUND ");
    assert.equal(await refused(client.testAlertRule({ name: "none" })), "ALERT_RULE_NOT_FOUND ");
    assert.equal(await refused(client.listAlerts({ states: [AlertState.UNRECOGNIZED] })), "INVALID_FIELD states[0]");
    assert.equal(await refused(client.listAlerts({ pageSize: 501 })), "INVALID_FIELD page_size");
    assert.equal(await refused(client.listAlerts({ pageToken: "-1" })), "INVALID_FIELD page_token");
    assert.equal(await refused(client.listSignals({ metric: "no_such" })), "INVALID_FIELD metric");
    assert.equal(await refused(client.silenceAlerts({})), "INVALID_FIELD matchers reason duration who");
    const long = { matchers: [{ label: "rule", value: "x" }], reason: "r", who: "ada", duration: toDuration(8e9) };
    assert.equal(await refused(client.silenceAlerts({ ...long, matchers: [] })), "INVALID_FIELD matchers duration");
    assert.equal(await refused(client.deleteSilence({ id: "none" })), "SILENCE_NOT_FOUND ");
  });

  it("are reported together when 200 begin at once", async () => {
    // No rule is there before each engine has its failure.
    const others = ["e1", "e2", "busy"].map((value) => ({ label: "engine", value, negated: true }));
    const rule = { ...RULE, name: "many", matchers: others, labels: { team: "core" } };
    const engines = Array.from({ length: 200 }, (_, at) => `many ${at}`);
    for (const engine of engines) await rig.fail(engine);
    await eventually(async () => {
      const { metrics } = await client.listSignals({ metric: "run_unclassified_errors" });
      assert.equal(metrics[0]?.count, 203);
    });
    await client.putAlertRule({ rule, who: "ada" });
    await eventually(async () => assert.equal((await rig.told("many")).length, 1));
    const [firing] = (await rig.events()).flatMap(({ data }) =>
      data?.$case === "alertFiring" && data.value.rule === "many" ? [data.value] : [],
    );
    assert.equal(firing?.alerts, 200);
    assert.deepEqual(firing?.labels, { team: "core" });

    const first = await client.listAlerts({ rule: "many", pageSize: 150 });
    const second = await client.listAlerts({ rule: "many", pageSize: 150, pageToken: first.nextPageToken });
    const listed = [...first.alerts, ...second.alerts];
    assert.deepEqual(new Set(listed.map(({ labels }) => labels["engine"])), new Set(engines));
    assert.ok(listed.every(({ toldId }) => toldId === firing?.alertId));
    await client.deleteAlertRule({ name: "many" });
    await eventually(async () => assert.deepEqual(await rig.told("many"), ["firing undefined", "resolved undefined"]));
  });
});
