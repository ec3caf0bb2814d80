import assert from "node:assert/strict";
import type { Signal } from "../../signals/signal.js";
import { judge, MOST_ALERTS, MOST_TOLD_APART, NO_ALERTS, type RuleAlerts } from "./judge.js";
import type { AlertRule, Labels } from "./rule.js";

const MINUTE_MS = 60_000;
const RULE: AlertRule = {
  name: "hot",
  metric: "heat",
  matchers: [],
  condition: ">",
  threshold: 10,
  fireAfterMs: 2 * MINUTE_MS,
  keepFiringMs: 5 * MINUTE_MS,
  severity: "warning",
  labels: { team: "core" },
  summary: "{room} is at {value}, above {threshold}",
  whatToDo: "open a window",
  channels: ["mail"],
  disabled: false,
};
const heat = (value: number, room = "a"): Signal => ({ metric: "heat", labels: { room }, value });

/** A rule that is judged again and again, with a clock that the test moves. */
function world(rule: AlertRule = RULE) {
  let [alerts, nowMs]: [RuleAlerts, number] = [NO_ALERTS, 1_000_000];
  const told: string[] = [];
  const look = (
    signals: readonly Signal[],
    { as = rule, silenced = () => false }: { as?: AlertRule | "gone"; silenced?: (labels: Labels) => boolean } = {},
  ) => {
    const judged = as === "gone" ? undefined : as;
    const judgement = judge({ rule: judged, before: alerts, signals, nowMs, mostUnseenMs: 2 * MINUTE_MS, silenced });
    alerts = judgement.alerts;
    told.push(
      ...judgement.firing.map(({ summary }) => `firing ${summary}`),
      ...judgement.resolved.map(({ summary }) => `resolved ${summary}`),
    );
    return judgement;
  };
  return {
    look,
    told,
    get alerts() {
      return alerts;
    },
    after: (minutes: number) => {
      nowMs += minutes * MINUTE_MS;
    },
    get nowMs() {
      return nowMs;
    },
  };
}

/** A small generator of random numbers, so that a failure can be repeated by its seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

describe("judging a rule", () => {
  it("is pending, fires when the condition has held long enough, and is resolved when it has not held long enough", () => {
    const { look, told, after } = world();
    look([heat(11)]);
    after(1);
    look([heat(12)]);
    assert.deepEqual(told, []);
    after(1);
    const { firing } = look([heat(13)]);
    assert.deepEqual(told, ["firing a is at 13, above 10"]);
    const [one] = firing;
    assert.deepEqual(one?.labels, { room: "a", team: "core" });
    assert.deepEqual(
      { value: one?.value, channels: one?.channels, alerts: one?.alerts, whatToDo: one?.whatToDo },
      { value: 13, channels: ["mail"], alerts: 1, whatToDo: "open a window" },
    );
    for (let minute = 0; minute < 5; minute += 1) {
      after(1);
      look([heat(9)]);
      assert.equal(told.length, 1, "it keeps firing");
    }
    after(1);
    const { resolved } = look([heat(9)]);
    assert.deepEqual(told.at(-1), "resolved a is at 13, above 10");
    assert.equal(resolved[0]?.id, one?.id);
  });

  it("says the value of now with its unit, while it fires and while it waits for its end, and tells no one again", () => {
    const one = world({
      ...RULE,
      metric: "disk_used_share",
      condition: ">=",
      threshold: 0.8,
      summary: "{room}: {value} of {threshold}",
    });
    const look = (value: number) => {
      one.look([{ metric: "disk_used_share", labels: { room: "a" }, value }]);
      one.after(2);
      return Object.values(one.alerts.active).map(({ value: now, valueText, summary }) => [now, valueText, summary]);
    };
    look(0.81);
    look(0.85);
    assert.deepEqual(look(0.97), [[0.97, "97 %", "a: 97 % of 80 %"]]);
    assert.deepEqual(look(0.5), [[0.5, "50 %", "a: 50 % of 80 %"]]);
    one.look([]);
    const [alert] = Object.values(one.alerts.active);
    assert.equal(alert?.summary, "a: 50 % of 80 %", "what is not known now keeps its newest value");
    assert.deepEqual(one.told, ["firing a: 85 % of 80 %"]);
  });

  it("never reports an alert twice in a row, and keeps both waits, whatever a signal does", () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = randomOf(seed);
      const one = world();
      const rooms = new Map<string, { told: boolean; heldSince?: number; goneSince?: number }>();
      const signals = new Map<string, number>(["a", "b", "c"].map((room) => [room, 10]));
      for (let turn = 0; turn < 300; turn += 1) {
        one.after(random() * 0.6);
        const now = one.nowMs;
        for (const [room, value] of signals) signals.set(room, value + (random() - 0.5) * 6 + (10 - value) * 0.1);
        // A signal may vanish for a turn: it then does not meet the condition.
        const present = [...signals].filter(() => random() > 0.05);
        for (const room of signals.keys()) {
          const known = rooms.get(room) ?? { told: false };
          const value = present.find(([name]) => name === room)?.[1];
          const held = value !== undefined && value > 10;
          rooms.set(room, {
            told: known.told,
            ...(held ? { heldSince: known.heldSince ?? now } : { goneSince: known.goneSince ?? now }),
          });
        }
        const { firing, resolved } = one.look(present.map(([room, value]) => heat(value, room)));
        for (const { labels } of firing) {
          const known = rooms.get(labels["room"] ?? "");
          assert.ok(known && !known.told, `seed ${seed}: fired twice`);
          assert.ok(now - (known.heldSince ?? now) >= RULE.fireAfterMs, `seed ${seed}: fired too early`);
          known.told = true;
        }
        for (const { labels } of resolved) {
          const known = rooms.get(labels["room"] ?? "");
          assert.ok(known?.told, `seed ${seed}: resolved without a firing`);
          assert.ok(now - (known.goneSince ?? now) >= RULE.keepFiringMs, `seed ${seed}: resolved too early`);
          known.told = false;
        }
        for (const [room, { told, heldSince, goneSince }] of rooms) {
          if (heldSince !== undefined && now - heldSince >= RULE.fireAfterMs)
            assert.ok(told, `seed ${seed}: ${room} should fire`);
          if (goneSince !== undefined && now - goneSince >= RULE.keepFiringMs)
            assert.ok(!told, `seed ${seed}: ${room} should be resolved`);
        }
      }
    }
  });

  it("proves nothing by a time in which nobody looked", () => {
    const { look, told, after } = world();
    look([heat(11)]);
    after(60);
    look([heat(11)]);
    assert.deepEqual(told, [], "an hour of silence is not an hour of heat");
    after(2);
    look([heat(11)]);
    assert.equal(told.length, 1);
    after(1);
    look([heat(1)]);
    after(60);
    look([heat(1)]);
    assert.equal(told.length, 1, "and none of cold");
  });

  it("begins both waits again when the clock went back far, and does not wait until it catches up", () => {
    const { look, told, after } = world();
    const aYear = 365 * 24 * 60;
    after(aYear);
    look([heat(11)]);
    after(-aYear);
    look([heat(11)]);
    after(2);
    look([heat(11)]);
    assert.deepEqual(told, ["firing a is at 11, above 10"]);
    after(aYear);
    look([heat(1)]);
    after(-aYear);
    look([heat(1)]);
    for (let minute = 0; minute < 5; minute += 1) {
      after(1);
      look([heat(1)]);
    }
    assert.equal(told.length, 2);
  });

  it("reports many alerts at once together, and their end when the last one has ended", () => {
    const { look, told, after } = world({ ...RULE, fireAfterMs: 0, keepFiringMs: 0 });
    const many = (count: number) => Array.from({ length: count }, (_, at) => heat(11 + at, `room ${at}`));
    const { firing } = look(many(200));
    assert.deepEqual(
      firing.map(({ alerts, value, labels }) => ({ alerts, value, labels })),
      [{ alerts: 200, value: 210, labels: { team: "core" } }],
    );
    assert.deepEqual(told, ["firing 200 alerts of hot; the worst: room 199 is at 210, above 10"]);
    after(1);
    assert.deepEqual(look(many(1)).resolved, []);
    after(1);
    assert.deepEqual(
      look([]).resolved.map(({ id }) => id),
      [firing[0]?.id],
    );
    after(1);
    assert.equal(look(many(MOST_TOLD_APART)).firing.length, MOST_TOLD_APART, "few are reported apart");
  });

  it("reports a silenced alert when the silence ends while it still fires, and never one that ended before", () => {
    const { look, told, after } = world({ ...RULE, fireAfterMs: 0, keepFiringMs: 0 });
    const silenced = ({ room }: Labels) => room === "a";
    look([heat(11, "a"), heat(11, "b")], { silenced });
    assert.deepEqual(told, ["firing b is at 11, above 10"]);
    after(1);
    look([heat(11, "b")], { silenced });
    after(1);
    look([heat(12, "a")], { silenced });
    assert.deepEqual(told.splice(0), ["firing b is at 11, above 10", "resolved b is at 11, above 10"]);
    after(1);
    look([heat(12, "a")]);
    after(1);
    look([], { silenced });
    assert.deepEqual(
      told,
      ["firing a is at 12, above 10", "resolved a is at 12, above 10"],
      "an end is reported also then",
    );
  });

  it("resolves at once what a rule raised that is switched off or gone, with what was told", () => {
    for (const as of ["gone", { ...RULE, disabled: true }] as const) {
      const { look, after } = world({ ...RULE, fireAfterMs: 0 });
      look([heat(11)]);
      after(1);
      const { resolved, alerts } = look([heat(11)], { as });
      assert.deepEqual([resolved[0]?.severity, resolved[0]?.channels], ["warning", ["mail"]]);
      assert.equal(alerts.resolved[0]?.whatToDo, "open a window");
    }
  });

  it("keeps a bounded number of alerts, and says how many it left out", () => {
    const { look } = world({ ...RULE, fireAfterMs: 0 });
    const { alerts, beyond } = look(Array.from({ length: MOST_ALERTS + 3 }, (_, at) => heat(11, String(at))));
    assert.equal(Object.keys(alerts.active).length, MOST_ALERTS);
    assert.equal(beyond, 3);
  });
});
