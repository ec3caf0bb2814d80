import assert from "node:assert/strict";
import type { Alert, QueueStatus, UsageWindow } from "../routes.js";
import { locale } from "../settings.js";
import { headline, isOfLimit, type Situation } from "./headline.js";
import { windowOutlook } from "./limits.js";
import { needsOf } from "./needs-person.js";

const NOW = new Date(2026, 10, 29, 14);
const at = (hours: number): string => new Date(NOW.getTime() + hours * 3_600_000).toISOString();

const queue = (change: Partial<QueueStatus> = {}): QueueStatus => ({
  depths: [],
  leased: 0,
  parked: 0,
  ended: 0,
  engines: ["claude-code"],
  executors: [],
  maxPromptBytes: 1,
  scheduled: 0,
  gates: [],
  agents: [],
  waitingBytes: 0,
  waiting: 0,
  caps: [],
  ...change,
});
const situation = (change: Partial<Situation> = {}): Situation => ({
  queue: queue(),
  executors: [{ executorId: "build-1", address: "", error: "" }],
  limits: [],
  alerts: [],
  sessions: [],
  ...change,
});
const fiveHours: UsageWindow = {
  engine: "claude-code",
  account: "team-max",
  name: "five_hour",
  state: "OPEN",
  startTime: at(-3),
  resetTime: at(2),
  usedShare: 0.71,
  shareSource: "ENGINE",
  resets: 0,
  tokens: 1,
  costUsd: 1,
  runs: 1,
  runsWithoutCost: 0,
  exhaustion: "RUNS_OUT",
  exhaustTime: at(1),
  exhaustReason: "",
};
const emergency = { id: "e", level: "KILL", who: "ada", why: "a prompt leaks", receipts: [] };

describe("An alert on the overview", () => {
  const alert = (labels: Record<string, string>): Alert => ({
    ...{ id: "a", rule: "r", severity: "CRITICAL", state: "FIRING", labels, value: 1, valueText: "100 %" },
    ...{ summary: "", whatToDo: "", toldId: "", silencedBy: [] },
  });

  it("about a limit that is near stands at the limit only, and any other one needs a person", () => {
    const limits = [windowOutlook(fiveHours, NOW.getTime())];
    const window = { engine: "claude-code", account: "team-max", window: "five_hour" };
    assert.equal(isOfLimit(alert(window), limits), true);
    assert.equal(isOfLimit(alert({ ...window, account: "other" }), limits), false);
    assert.equal(isOfLimit(alert({ budget: "team" }), limits), false);
    assert.equal(isOfLimit(alert({ instance: "queue-1" }), limits), false);
  });
});

describe("What needs a person", () => {
  const whats = (change: Partial<Situation>) => needsOf(situation(change)).map(({ what }) => what);

  it("names a pause of an agent, and a cap that holds most tasks", () => {
    const gate = { who: "ada", why: "the night", budgets: [], closeTime: at(-1) };
    const caps = [{ scope: { agentId: "ci" }, running: 2, waiting: 30 }];
    const gates = [{ ...gate, scope: { agentId: "nightly" } }];
    const [pause = "", cap = "", ...more] = whats({ queue: queue({ waiting: 50, caps, gates }) });
    assert.match(pause, /agent nightly/);
    assert.match(cap, /agent ci/);
    assert.deepEqual(more, []);
  });

  it("has one entry for thirteen alerts of one rule", () => {
    const alerts = Array.from(
      { length: 13 },
      (_, index): Alert => ({
        ...{ id: `late-${index}`, rule: "instance-late", severity: "WARNING", state: "FIRING", labels: {}, value: 1 },
        ...{ valueText: "1", summary: "queue-1 is late", whatToDo: "", toldId: "", silencedBy: [] },
      }),
    );
    assert.deepEqual(whats({ alerts }), ["queue-1 is late, and 12 more"]);
  });
});

describe("The first two lines of the overview", () => {
  afterEach(() => {
    locale.value = "en";
  });

  it("say that it works, how much runs and waits, and which limit is near", () => {
    const limits = [windowOutlook(fiveHours, NOW.getTime())];
    const { title, lead } = headline(situation({ queue: queue({ leased: 14, parked: 37 }), limits }));
    assert.equal(title, "Working, with one limit near.");
    assert.match(lead, /^14 tasks run, 37 wait\. Account `team-max` will use up its five-hour window at about /);
    assert.match(lead, /its tasks then wait until /);
  });

  it("say the same in Japanese", () => {
    locale.value = "ja";
    const { title, lead } = headline(situation({ queue: queue({ leased: 14, parked: 37 }) }));
    assert.deepEqual([title, lead], ["稼働中。", "実行中 14 件、待機中 37 件。"]);
  });

  it("say first that a stop is in force, by whom and why, whatever else there is", () => {
    const limits = [windowOutlook(fiveHours, NOW.getTime())];
    const { title, lead } = headline(situation({ queue: queue({ emergency }), executors: [], limits }));
    assert.equal(title, "Stopped: an emergency stop is in force.");
    assert.match(lead, /By ada: a prompt leaks\. It stays until a person resumes\./);
  });

  it("name a lost login before a limit, because only a person can help", () => {
    const lost = { account: { engine: "claude-code", account: "team-b" }, state: "WAITING" };
    const session = { ...lost, proof: "", checkError: "", notChecked: "", executors: 1, failures: 3 };
    const { title } = headline(situation({ sessions: [session], limits: [windowOutlook(fiveHours, NOW.getTime())] }));
    assert.equal(title, "Blocked: one login is lost.");
  });

  it("name the pauses of classes and agents, and not what the queue holds for itself", () => {
    const gate = { who: "ada", why: "the night", budgets: [], closeTime: at(-1) };
    const gates = [
      { ...gate, scope: { account: { engine: "claude-code", account: "team" } }, who: "ccsp" },
      { ...gate, scope: { priority: "LOW" } },
      { ...gate, scope: { agentId: "ci" }, openTime: at(2) },
      { ...gate, scope: { agentId: "ramp" }, rampEndTime: at(1) },
      {
        ...gate,
        scope: { label: "repo=web" },
        budgets: [{ budget: "web", limit: "1", action: "PARK", holdsRuns: false }],
      },
    ];
    const limits = [windowOutlook(fiveHours, NOW.getTime())];
    const { title, lead } = headline(situation({ queue: queue({ gates }), limits }));
    assert.equal(title, "Blocked by a pause: class low, agent ci.");
    assert.match(lead, /By ada: the night\. It stays until a person resumes\.$/);
  });

  it("name a cap that holds most tasks, but not the few of an agent at its cap", () => {
    const capped = (waiting: number, all: number) =>
      headline(
        situation({
          queue: queue({ leased: 3, waiting: all, caps: [{ scope: { agentId: "ci" }, running: 2, waiting }] }),
        }),
      );
    const { title, lead } = capped(30, 50);
    assert.equal(title, "Blocked: the cap of agent ci holds most tasks.");
    assert.match(lead, /2 of its tasks run, and 30 wait for one of them to end\.$/);
    assert.equal(capped(24, 50).title, "Working.");
    assert.equal(capped(9, 9).title, "Working.");
  });

  it("leave out an alert that is silenced", () => {
    const alert = { id: "a", rule: "r", severity: "WARNING", state: "FIRING", labels: {}, value: 1, summary: "late" };
    const silenced = { ...alert, whatToDo: "", toldId: "", valueText: "1", silencedBy: ["s"] };
    assert.equal(headline(situation({ alerts: [silenced] })).title, "Idle: no task runs or waits.");
    assert.equal(headline(situation({ alerts: [{ ...silenced, silencedBy: [] }] })).title, "Working, with one alert.");
  });

  it("do not say that nothing waits before anything is known", () => {
    assert.equal(headline(situation({ queue: undefined })).title, "Looking …");
  });
});

describe("A limit on the overview", () => {
  it("is expected to be used as fast as since its start, and never shows unknown as zero", () => {
    const lasts = { ...fiveHours, usedShare: 0.3, exhaustion: "LASTS" };
    assert.equal(windowOutlook(lasts, NOW.getTime()).expected, 0.5);
    const fast = { ...lasts, usedShare: 0.7 };
    assert.equal(windowOutlook(fast, NOW.getTime()).expected, undefined, "the forecast contradicts the mean pace");
    assert.equal(windowOutlook({ ...fast, exhaustion: "UNSPECIFIED" }, NOW.getTime()).expected, 1);
    const { usedShare: _, ...unknown } = { ...lasts, exhaustion: "UNSPECIFIED" };
    const outlook = windowOutlook(unknown, NOW.getTime());
    assert.deepEqual([outlook.used, outlook.expected, outlook.state], [undefined, undefined, "unknown"]);
  });
});
