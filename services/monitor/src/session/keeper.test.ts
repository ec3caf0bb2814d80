import assert from "node:assert/strict";
import { setImmediate as breathe } from "node:timers/promises";
import * as fc from "fast-check";
import { pino } from "pino";
import type { Entry, StateStore } from "../state/state-store.js";
import {
  type Answer,
  afterConfirmation,
  afterRun,
  type Deciding,
  type GateView,
  type IssueSight,
  nameOf,
  type Session,
} from "./domain/session.js";
import { type Offer, SessionKeeper, type SessionPorts, type Situation, updateSession } from "./keeper.js";
import { parseSession } from "./stored.js";

const log = pino({ level: "silent" });
const WAITS = { intervalMs: 300_000, retryMs: 30_000 };
const ACCOUNT = { engine: "claude-code", account: "team" };
const NAME = nameOf(ACCOUNT);

/** What a process that was killed sees of each call that it had still to make. */
class Killed extends Error {}

/** An issue as a channel has it. */
interface Issue {
  state: "open" | "closed";
  changeMs: number;
  readonly comments: string[];
}

/**
 * Everything outside the monitor: the stored state, the queue's gate, the provider, the notification service. The calls
 * of a killed monitor do nothing any more. A kill may come before or after the effect of any call.
 */
class Outside {
  nowMs = Date.UTC(2026, 0, 5);
  works = true;
  /** What a probe answers instead, when it says nothing about the login. */
  noise: Answer | undefined;
  gate: GateView = { kind: "open" };
  openedByHand = false;
  connected = true;
  stopped = false;
  notificationAway = false;
  readonly issues = new Map<string, Issue>();
  readonly events: { readonly type: string; readonly key: string }[] = [];
  readonly opened: string[] = [];
  probes = 0;
  /** The outages for which the account was resumed, each with whether the login worked in a probe before. */
  readonly resumes: boolean[] = [];
  #worked = false;
  #entry: Entry<Session> | undefined;
  #revision = 0;
  #ids = 0;
  /** The number of calls until the monitor is killed. */
  callsLeft = Number.POSITIVE_INFINITY;

  get session(): Session | undefined {
    return this.#entry?.value;
  }

  readonly deciding = (): Deciding => ({ nowMs: this.nowMs, waits: WAITS, newId: () => `id${(this.#ids += 1)}` });

  /** The stored state and the ports, for one process. */
  process() {
    let killed = false;
    const call = async <T>(effect: () => T): Promise<T> => {
      await breathe();
      if (killed || (this.callsLeft -= 1) < 0) {
        killed = true;
        throw new Killed();
      }
      const result = effect();
      if ((this.callsLeft -= 1) < 0) {
        killed = true;
        throw new Killed();
      }
      return result;
    };
    const copy = (entry: Entry<Session> | undefined): Entry<Session> | undefined =>
      entry && { ...entry, value: parseSession(JSON.parse(JSON.stringify(entry.value))) };
    const store: StateStore<Session> = {
      list: () =>
        call(() => {
          const entry = copy(this.#entry);
          return entry ? [entry] : [];
        }),
      get: () => call(() => copy(this.#entry)),
      names: () => call(() => new Set(this.#entry ? [this.#entry.name] : [])),
      remove: () => assert.fail("no session is removed"),
      change: ({ name, before, after, events = [] }) =>
        call(() => {
          if (before?.revision !== this.#entry?.revision) return "conflict";
          this.#revision += 1;
          for (const { key, data } of events) this.events.push({ type: data.$case, key });
          if (after === undefined) {
            this.#entry = undefined;
            return "removed";
          }
          this.#entry = { name, revision: String(this.#revision), value: after };
          return this.#entry;
        }),
    };
    const ports: SessionPorts = {
      look: () => call(() => this.#look()),
      probe: async () => {
        const answer = await call(() => this.#answer());
        if (answer.kind === "works") this.#worked = true;
        return answer;
      },
      pause: () =>
        call(() => {
          this.gate = { kind: "ours" };
          this.openedByHand = false;
        }),
      resume: () =>
        call(() => {
          if (this.gate.kind !== "open") this.resumes.push(this.#worked);
          this.#worked = false;
          this.gate = { kind: "open" };
        }),
      send: (_session, mail) =>
        call(() => {
          if (this.notificationAway) throw new Error("the notification service is away");
          const issue = this.issues.get(mail.outageId);
          if (mail.kind === "lost") {
            if (!issue) this.opened.push(mail.outageId);
            this.issues.set(mail.outageId, issue ?? { state: "open", changeMs: this.nowMs, comments: [] });
            return;
          }
          assert.ok(issue, `a comment on an issue that was not opened: ${mail.id}`);
          if (issue.comments.includes(mail.id)) return;
          issue.comments.push(mail.id);
          issue.state = mail.kind === "recovered" ? "closed" : "open";
          issue.changeMs = this.nowMs;
        }),
      watch: async function* (this: Outside, outageId: string): AsyncGenerator<IssueSight> {
        const issue = await call(() => this.issues.get(outageId));
        if (issue) yield { state: issue.state, url: "https://issues/1", who: "ada", changeMs: issue.changeMs };
      }.bind(this),
    };
    return { store, ports, isKilled: () => killed };
  }

  #look(): Situation {
    const offer: Offer = { ...ACCOUNT, executorId: "e1", address: "127.0.0.1:1" };
    const gate = this.gate;
    return { offers: this.connected ? [offer] : [], stopped: this.stopped, gate: () => gate };
  }

  #answer(): Answer {
    this.probes += 1;
    if (this.noise) return this.noise;
    return this.works ? { kind: "works" } : { kind: "refused", message: "Please run /login", executorId: "e1" };
  }

  /** A task of this account runs, if its gate lets it. */
  runTask(): void {
    if (this.gate.kind !== "open" || !this.connected) return;
    if (!this.works) this.gate = { kind: "refused", why: "the login is refused" };
  }

  closeIssues(): void {
    for (const issue of this.issues.values()) {
      if (issue.state === "open") [issue.state, issue.changeMs] = ["closed", this.nowMs];
    }
  }
}

/** One process of the monitor after the other. */
class Monitors {
  readonly #outside: Outside;
  #process: ReturnType<Outside["process"]>;
  #keeper: SessionKeeper;

  constructor(outside: Outside) {
    this.#outside = outside;
    this.#process = outside.process();
    this.#keeper = this.#start();
  }

  #start(): SessionKeeper {
    const { store, ports } = this.#process;
    const { deciding } = this.#outside;
    const now = () => this.#outside.nowMs;
    return new SessionKeeper({ store, ports, waits: WAITS, log, now, newId: () => deciding().newId() });
  }

  /** Lets the time pass, and the monitor do all that is due then. One that was killed is replaced. */
  async pass(ms: number): Promise<void> {
    this.#outside.nowMs += ms;
    const stop = new AbortController();
    await this.#keeper.pass(stop.signal).catch(() => undefined);
    await this.#keeper.settled();
    // A watch of an issue has a few calls to make after the work.
    for (let n = 0; n < 12; n += 1) await breathe();
    this.#outside.callsLeft = Number.POSITIVE_INFINITY;
    if (!this.#process.isKilled()) return;
    this.#process = this.#outside.process();
    this.#keeper = this.#start();
  }

  async until(found: (session: Session | undefined) => boolean, { passes = 60, ms = 5_000 } = {}): Promise<void> {
    for (let n = 0; n < passes; n += 1) {
      if (found(this.#outside.session)) return;
      await this.pass(ms);
    }
    assert.fail(`not after ${passes} passes: ${JSON.stringify(this.#outside.session)}`);
  }

  async change(decide: (now: Session, deciding: Deciding) => ReturnType<typeof afterRun>): Promise<void> {
    const { store } = this.#outside.process();
    await updateSession(store, NAME, (now) => decide(now, this.#outside.deciding()));
  }
}

/** A keeper of many accounts, with its stored sessions. Nothing is kept of what its ports are asked. */
function keeperOf({ accounts, gate }: { accounts: readonly string[]; gate?: (session: Session) => GateView }) {
  const stored = new Map<string, Entry<Session>>();
  const store: StateStore<Session> = {
    list: async () => [...stored.values()],
    get: async (name) => stored.get(name),
    names: async () => new Set(stored.keys()),
    remove: () => assert.fail("no session is removed"),
    change: async ({ name, before, after }) => {
      if (stored.get(name)?.revision !== before?.revision) return "conflict";
      stored.delete(name);
      if (after === undefined) return "removed";
      const entry = { name, value: after, revision: `${before?.revision}.` };
      stored.set(name, entry);
      return entry;
    },
  };
  const offers = accounts.map((account) => ({ engine: "e", account, executorId: "e1", address: "127.0.0.1:1" }));
  const unused = () => assert.fail("not to be called");
  const ports: SessionPorts = {
    look: async () => ({ offers, stopped: false, gate: gate ?? (() => ({ kind: "open" })) }),
    probe: async () => ({ kind: "works" }),
    ...{ pause: unused, resume: unused, send: unused, watch: unused },
  };
  const clock = { nowMs: 1_000_000 };
  const keeper = new SessionKeeper({ store, ports, waits: WAITS, log, now: () => clock.nowMs });
  const pass = async (ms: number): Promise<void> => {
    clock.nowMs += ms;
    await keeper.pass(new AbortController().signal);
    await keeper.settled();
  };
  return { stored, pass };
}

const isIn =
  (...states: readonly Session["state"][]) =>
  (session: Session | undefined) =>
    session !== undefined && states.includes(session.state);
const DAY = { passes: 500, ms: 31_000 };

async function started() {
  const outside = new Outside();
  const monitors = new Monitors(outside);
  await monitors.until(isIn("unproven"));
  return { outside, monitors };
}

/** Whether the account's tasks wait for a person. */
async function lost() {
  const { outside, monitors } = await started();
  outside.works = false;
  outside.runTask();
  await monitors.until(isIn("waiting"), DAY);
  await monitors.until((session) => session?.mail.length === 0);
  return { outside, monitors };
}

const ACTS = [
  "break",
  "heal",
  "run a task",
  "close the issue",
  "confirm",
  "resume by hand",
  "disturb",
  "calm",
  "notification away",
  "notification back",
  "stop",
  "end the stop",
] as const;

async function doAct(act: (typeof ACTS)[number], outside: Outside, monitors: Monitors): Promise<void> {
  switch (act) {
    case "break":
    case "heal":
      outside.works = act === "heal";
      return;
    case "run a task":
      return outside.runTask();
    case "close the issue":
      return outside.closeIssues();
    case "confirm":
      return monitors.change((now, deciding) => afterConfirmation(now, { cause: "confirmed", who: "ada" }, deciding));
    case "resume by hand":
      outside.gate = { kind: "open" };
      outside.openedByHand = true;
      return;
    case "disturb":
    case "calm":
      outside.noise = act === "disturb" ? { kind: "unclear", message: "NETWORK_ERROR: no route" } : undefined;
      return;
    case "notification away":
    case "notification back":
      outside.notificationAway = act === "notification away";
      return;
    case "stop":
    case "end the stop":
    default:
      outside.stopped = act === "stop";
  }
}

describe("the keeper of sessions", function () {
  this.timeout(60_000);

  it("proves a session after the interval, and makes no probe while runs prove it", async () => {
    const { outside, monitors } = await started();
    await monitors.until(isIn("valid"), DAY);
    assert.equal(outside.probes, 1);
    for (let n = 0; n < 30; n += 1) {
      await monitors.pass(60_000);
      await monitors.change((now, deciding) => afterRun(now, outside.nowMs, deciding));
    }
    assert.equal(outside.probes, 1);
    assert.equal(outside.session?.proof, "run");
    assert.deepEqual(
      outside.events.map(({ type }) => type),
      ["sessionValid"],
    );
  });

  it("takes a refused run as the first of three refusals, pauses the account, opens one issue and tells nothing twice", async () => {
    const { outside } = await lost();
    assert.equal(outside.probes, 2);
    assert.deepEqual(outside.gate, { kind: "ours" });
    assert.equal(outside.opened.length, 1);
    // The queue has reported it when it closed the gate.
    assert.deepEqual(outside.events, []);
  });

  it("reports a lost login that only probes have found", async () => {
    const { outside, monitors } = await started();
    outside.works = false;
    await monitors.until(isIn("waiting"), DAY);
    assert.equal(outside.probes, 3);
    assert.deepEqual(
      outside.events.map(({ type }) => type),
      ["sessionTimeout"],
    );
  });

  it("resumes the account when a probe works after the issue was closed, and comments it", async () => {
    const { outside, monitors } = await lost();
    outside.works = true;
    outside.closeIssues();
    await monitors.until(isIn("valid"));
    await monitors.until((session) => session?.mail.length === 0);
    assert.deepEqual(outside.gate, { kind: "open" });
    assert.deepEqual(outside.resumes, [true]);
    const [issue] = outside.issues.values();
    assert.equal(issue?.state, "closed");
    assert.deepEqual(
      issue?.comments.map((id) => id.split(":").at(-1)),
      ["recovered"],
    );
    assert.deepEqual(
      outside.events.map(({ type }) => type),
      ["sessionRecovered"],
    );
  });

  it("reopens the issue once for each closing after which the login is still refused", async () => {
    const { outside, monitors } = await lost();
    for (let n = 1; n <= 2; n += 1) {
      outside.nowMs += 60_000;
      outside.closeIssues();
      await monitors.until(isIn("confirming"));
      await monitors.until(isIn("waiting"));
      await monitors.until((session) => session?.mail.length === 0);
      const [issue] = outside.issues.values();
      assert.equal(issue?.state, "open");
      assert.equal(issue?.comments.length, n);
    }
    assert.equal(outside.opened.length, 1);
    assert.deepEqual(outside.resumes, []);
  });

  it("confirms also by a person's call and by an opened gate, and while the notification service is away", async () => {
    for (const confirm of ["call", "gate"]) {
      const { outside, monitors } = await started();
      outside.notificationAway = true;
      outside.works = false;
      await monitors.until(isIn("waiting"), DAY);
      outside.works = true;
      if (confirm === "gate") outside.gate = { kind: "open" };
      else
        await monitors.change((now, deciding) => afterConfirmation(now, { cause: "confirmed", who: "ada" }, deciding));
      await monitors.until(isIn("valid"), { passes: 5, ms: 5_000 });
      assert.deepEqual(outside.gate, { kind: "open" });
      outside.notificationAway = false;
      await monitors.until((session) => session?.mail.length === 0, DAY);
      const [issue] = outside.issues.values();
      assert.equal(issue?.state, "closed");
    }
  });

  it("counts no answer that says nothing about the login, no emergency stop and no missing executor", async () => {
    const { outside, monitors } = await started();
    outside.noise = { kind: "unclear", message: "NETWORK_ERROR: no route" };
    await monitors.until(({ unclear } = {} as Session) => unclear > 3, DAY);
    outside.noise = { kind: "unmade", message: "the executor is away" };
    await monitors.until((session) => session?.notChecked === "the executor is away", DAY);
    outside.noise = undefined;
    const { probes } = outside;
    outside.works = false;
    outside.stopped = true;
    await monitors.until((session) => session?.notChecked === "an emergency stop is in force", DAY);
    [outside.stopped, outside.connected] = [false, false];
    await monitors.until((session) => session?.notChecked.startsWith("no executor") === true, DAY);
    await monitors.pass(WAITS.intervalMs * 3);
    assert.equal(outside.probes, probes);
    assert.ok(isIn("unproven")(outside.session));
    outside.connected = true;
    await monitors.pass(0);
    await monitors.until(isIn("suspected"), DAY);
  });

  it("leaves an account closed that a person has paused meanwhile", async () => {
    const { outside, monitors } = await lost();
    outside.gate = { kind: "other", opens: false };
    outside.works = true;
    await monitors.until(isIn("valid"), DAY);
    assert.deepEqual(outside.gate, { kind: "other", opens: false });
  });

  it("probes on time after its clock has gone back a day", async () => {
    const { outside, monitors } = await started();
    outside.nowMs -= 24 * 60 * 60 * 1000;
    await monitors.pass(0);
    await monitors.pass(0);
    assert.ok(isIn("valid")(outside.session));
  });

  it("looks after the other accounts when a step of one throws", async () => {
    const gate = ({ account }: Session): GateView => {
      if (account === "a") throw new Error("a fault that concerns one account");
      return { kind: "open" };
    };
    const { stored, pass } = keeperOf({ accounts: ["a", "b"], gate });
    for (let n = 0; n < 3; n += 1) await pass(WAITS.intervalMs + 1);
    const states = [...stored.values()].map(({ value }) => [value.account, value.state]);
    assert.deepEqual(Object.fromEntries(states), { a: "unproven", b: "valid" });
  });

  it("keeps at most 1,000 sessions, however many accounts executors have", async () => {
    const { stored, pass } = keeperOf({ accounts: Array.from({ length: 1_100 }, (_, n) => `account-${n}`) });
    await pass(0);
    await pass(6_000);
    assert.equal(stored.size, 1_000);
  });

  it("forgets an account that no executor has had for a day, but no lost one", async () => {
    const [idle, broken] = [await started(), await lost()];
    for (const { outside, monitors } of [idle, broken]) {
      outside.connected = false;
      await monitors.pass(10_000);
      await monitors.pass(25 * 60 * 60 * 1000);
    }
    assert.equal(idle.outside.session, undefined);
    assert.ok(isIn("waiting")(broken.outside.session));
  });

  it("opens one issue an outage, resumes only after a success, and always ends in a working session, killed at any call", async () => {
    // Long enough for an outage to go through each of its states, with a kill now and then.
    const passes = fc.array(
      fc.record({
        waitMs: fc.constantFrom(0, 1_000, 31_000, 31_000, 31_000, 301_000, -3_600_000),
        killAfter: fc.option(fc.integer({ min: 0, max: 14 }), { nil: undefined, freq: 2 }),
      }),
      { minLength: 1, maxLength: 12 },
    );
    const step = fc.record({ act: fc.constantFrom(...ACTS), passes });
    await fc.assert(
      fc.asyncProperty(passes, fc.array(step, { minLength: 1, maxLength: 8 }), async (first, steps) => {
        const { outside, monitors } = await started();
        for (const { act, passes: following } of [{ act: "break", passes: first } as const, ...steps]) {
          await doAct(act, outside, monitors);
          for (const { waitMs, killAfter } of following) {
            outside.callsLeft = killAfter ?? Number.POSITIVE_INFINITY;
            await monitors.pass(waitMs);
            const { session, gate, openedByHand } = outside;
            assert.ok(!isIn("waiting")(session) || gate.kind !== "open" || openedByHand, "waits, and is not paused");
            assert.ok(!isIn("valid")(session) || gate.kind !== "ours", "is valid, and still paused");
          }
        }
        // The login works, and nothing disturbs.
        Object.assign(outside, { works: true, noise: undefined, notificationAway: false, stopped: false });
        outside.callsLeft = Number.POSITIVE_INFINITY;
        for (let n = 0; n < 60; n += 1) await monitors.pass(31_000);
        assert.ok(isIn("valid", "unproven")(outside.session), JSON.stringify(outside.session));
        assert.deepEqual(outside.gate, { kind: "open" });
        assert.deepEqual(outside.session?.mail, []);
        assert.equal(new Set(outside.opened).size, outside.opened.length, "an outage has two issues");
        assert.ok(!outside.resumes.includes(false), "resumed without a success");
        for (const [id, issue] of outside.issues) {
          assert.equal(issue.state, "closed", "an issue stays open");
          const told = outside.events.filter(({ key }) => key.startsWith(`session:${id}:`));
          assert.equal(told.filter(({ type }) => type === "sessionRecovered").length, 1);
          assert.ok(told.filter(({ type }) => type === "sessionTimeout").length <= 1);
        }
      }),
      { numRuns: 400 },
    );
  });
});
