import assert from "node:assert/strict";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { addressOf } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { decodeEvent, eventsKey } from "@ccsp/events";
import { createClient } from "@ccsp/grpc-kit";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { type Session, SessionState } from "@ccsp/protos/ccsp/monitor/v1/session.js";
import { IssueState } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { eventually, type Gate } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { type StandInNotification, startStandInNotification } from "../src/stand-in-notification.js";

const REFUSED = {
  kind: "fault",
  status: 401,
  type: "authentication_error",
  message: "invalid x-api-key",
} as const;
/** What a probe asks. */
const PROBE = "Hi";

/** An installation with the real CLI whose login a test breaks and mends, and with issues that a test closes. */
class Installation {
  readonly world: World;
  readonly people: StandInNotification;
  readonly redis: Redis;
  broken = false;
  #held: Gate | undefined;

  static async start(monitors: number): Promise<Installation> {
    const people = await startStandInNotification();
    try {
      const world = await startWorld({
        plain: true,
        replicas: { monitor: monitors },
        env: {
          CCSP_NOTIFICATION_TARGET: `static:///${people.address}`,
          CCSP_CLAUDE_CODE_MAX_RETRIES: "0",
          // Only a refused run or a person makes this monitor ask.
          CCSP_MONITOR_SESSION_INTERVAL: "1h",
          CCSP_MONITOR_SESSION_RETRY: "1s",
        },
      });
      return new Installation(world, people);
    } catch (error) {
      await people.close();
      throw error;
    }
  }

  private constructor(world: World, people: StandInNotification) {
    [this.world, this.people] = [world, people];
    this.redis = new Redis(world.fleet.redis.url);
    const others = ({ prompt }: { readonly prompt: string }) => prompt !== PROBE || this.#held === undefined;
    world.simulator.script(
      (request) => this.broken && others(request),
      ...Array.from({ length: 1_000 }, () => REFUSED),
    );
  }

  /**
   * Holds what the provider answers to a probe from now on, so that the probe is in progress until the gate opens. A
   * newer gate takes the place of an older one.
   */
  holdProbes(): Gate {
    const gate = this.world.simulator.gate();
    this.#held = gate;
    const answer = this.broken ? { ...REFUSED, gate } : { kind: "answer" as const, text: "Hi", gate };
    const held = ({ prompt }: { readonly prompt: string }) => prompt === PROBE && this.#held === gate;
    this.world.simulator.script(held, ...Array.from({ length: 10 }, () => answer));
    return gate;
  }

  /** Opens the gate. Later probes are answered at once. */
  letProbesGo(gate: Gate): void {
    this.#held = undefined;
    gate.release();
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    await this.world.close();
    await this.people.close();
  }

  /** What is stored of the session. */
  async stored(): Promise<{ state: string; failures: number; probe?: string; probes: number; mail: unknown[] }> {
    const stored = await this.redis.hget("ccsp:monitor:{0}:sessions", "claude-code/");
    assert.ok(stored, "the session is not known yet");
    return JSON.parse(stored.slice(stored.indexOf(" ") + 1));
  }

  /** Resolves as soon as the stored session is so. */
  async until(what: string, holds: (session: Awaited<ReturnType<Installation["stored"]>>) => boolean): Promise<void> {
    await eventually(
      async () => {
        const session = await this.stored();
        assert.ok(holds(session), JSON.stringify(session));
      },
      { timeoutMs: 60_000, what },
    );
  }

  untilState(...states: readonly string[]): Promise<void> {
    return this.until(states.join(" or "), ({ state }) => states.includes(state));
  }

  /** Whether a probe is in progress: its id is stored, and the executor has not answered. */
  untilProbe(): Promise<void> {
    return this.until("a probe in progress", ({ probe }) => probe !== undefined);
  }

  /** Calls the first monitor that answers, as the gateway does. */
  async sessions(): Promise<readonly Session[]> {
    const monitor = createClient(MonitorServiceService, addressOf(this.world, "monitor"));
    try {
      return (await monitor.listSessions({})).sessions;
    } finally {
      monitor.close();
    }
  }

  /** The requests that probes have made of the provider. */
  get asked(): number {
    return this.world.simulator.requests.filter(({ prompt }) => prompt === PROBE).length;
  }

  async events(...types: readonly string[]): Promise<readonly string[]> {
    const all = await this.redis.xrange(eventsKey(0), "-", "+");
    return all.flatMap(([id, fields]) => {
      const type = decodeEvent(0, id, fields)?.data?.$case ?? "";
      return types.includes(type) ? [type] : [];
    });
  }

  async kill(): Promise<void> {
    await this.world.fleet.kill9("monitor", (await this.leader()) - 1);
  }

  /** The number of the monitor that leads, from 1. */
  async leader(): Promise<number> {
    return eventually(
      async () => {
        const holder = await this.redis.get("ccsp:monitor:{0}:leader");
        assert.ok(holder, "no monitor leads");
        return Number(/\d+$/.exec(holder)?.[0] ?? 1);
      },
      { timeoutMs: 60_000 },
    );
  }

  /** Stops the queue's process while `use` runs: every call of it waits. */
  async withoutQueue(use: () => Promise<void>): Promise<void> {
    const queue = this.world.fleet.processes().find(({ name }) => name === "queue");
    assert.ok(queue);
    assert.ok(queue.process.kill("SIGSTOP"));
    try {
      await use();
    } finally {
      queue.process.kill("SIGCONT");
    }
  }

  async gates(): Promise<readonly string[]> {
    const queue = createClient(QueueServiceService, addressOf(this.world, "queue"));
    try {
      return (await queue.getStatus({})).gates.map(({ who, rampEndTime }) => (rampEndTime ? "ramp" : who));
    } finally {
      queue.close();
    }
  }
}

describe("a lost login of the real CLI", function () {
  this.timeout(400_000);

  it("is found, reported once and healed without a lost attempt, with a kill -9 of the monitor in each state", async () => {
    const installation = await Installation.start(1);
    const { world, people } = installation;
    try {
      const client = world.client("alice");
      await collect(client.run({ prompt: "hello" }));
      await installation.untilState("valid");
      const [before] = await installation.sessions();
      assert.equal(before?.proof, "run");
      await installation.kill();

      // A run is refused. The queue closes the gate and reports it.
      installation.broken = true;
      let gate = installation.holdProbes();
      const tasks = [await client.submit({ prompt: "one" }), await client.submit({ prompt: "two" })];
      await installation.untilState("suspected");
      await installation.kill();

      // The third refusal is stored. The queue cannot answer, so the account is not paused yet.
      for (;;) {
        await gate.reached;
        if ((await installation.stored()).failures === 2) break;
        const reached = gate;
        gate = installation.holdProbes();
        reached.release();
      }
      people.holdsAnswers = true;
      await installation.withoutQueue(async () => {
        installation.letProbesGo(gate);
        await installation.untilState("lost");
        await installation.kill();
      });

      // The issue is open, and the monitor that asked for it does not learn of it.
      await eventually(() => assert.equal(people.calls.notify, 1), { timeoutMs: 60_000, what: "a notice" });
      await installation.untilState("waiting");
      assert.deepEqual(await installation.gates(), ["ccsp/session"]);
      await installation.kill();
      people.holdsAnswers = false;
      await eventually(() => assert.equal(people.watching, 1), { timeoutMs: 60_000, what: "a watch of the issue" });
      const [issue = assert.fail("no issue")] = people.issues.values();
      assert.deepEqual([people.issues.size, people.calls.notify], [1, 2]);
      assert.deepEqual(issue.request.notice?.labels, ["session-timeout"]);
      assert.match(issue.request.notice?.whatToDo ?? "", /ccsp session confirm claude-code`/);
      assert.equal(issue.request.notice?.facts["failures"], "3");
      await installation.kill();
      await eventually(() => assert.equal(people.watching, 1), { timeoutMs: 60_000, what: "the next watch" });

      // A person closes the issue too early.
      gate = installation.holdProbes();
      people.closeIssues();
      await installation.untilState("confirming");
      await installation.untilProbe();
      await installation.kill();
      installation.letProbesGo(gate);
      await eventually(
        () => {
          assert.equal(issue.comments.length, 1);
          assert.equal(issue.state, IssueState.OPEN);
        },
        { timeoutMs: 60_000, what: "the issue to be reopened" },
      );
      await installation.untilState("waiting");
      const waiting = await installation.sessions();
      assert.equal(waiting[0]?.state, SessionState.WAITING);
      assert.equal(waiting[0]?.outage?.issueUrl, "https://issues.example/1");

      // The login is renewed.
      installation.broken = false;
      gate = installation.holdProbes();
      people.closeIssues();
      await installation.untilState("confirming");
      await installation.untilProbe();
      people.holdsAnswers = true;
      await installation.withoutQueue(async () => {
        installation.letProbesGo(gate);
        await installation.untilState("recovering");
        await installation.kill();
      });
      await installation.untilState("valid");
      await eventually(() => assert.equal(issue.comments.length, 2), { timeoutMs: 60_000, what: "the outcome" });
      await installation.kill();
      people.holdsAnswers = false;
      await installation.until("no mail", ({ mail }) => mail.length === 0);

      for (const { id } of tasks) {
        await eventually(
          async () => {
            const task = await client.get(id);
            assert.ok(task.result, JSON.stringify(task.error));
          },
          { timeoutMs: 90_000, what: "a task that waited" },
        );
      }
      assert.deepEqual(
        issue.comments.map((comment) => comment.replace(/^.*:/, "")),
        ["refused-1", "recovered"],
      );
      assert.deepEqual([issue.opened, issue.state, people.issues.size], [1, IssueState.CLOSED, 1]);
      assert.deepEqual(await installation.events("sessionTimeout", "sessionRecovered"), [
        "sessionTimeout",
        "sessionRecovered",
      ]);
    } finally {
      await installation.close();
    }
  });

  it("is probed by one of two monitors, each probe once, also when the one that owns it is gone", async () => {
    const installation = await Installation.start(2);
    const { world, people } = installation;
    try {
      const client = world.client("alice");
      await collect(client.run({ prompt: "hello" }));
      await installation.untilState("valid");
      installation.broken = true;
      const task = await client.submit({ prompt: "one" });
      await installation.untilState("waiting");
      await eventually(() => assert.equal(people.watching, 1), { timeoutMs: 60_000, what: "a watch of the issue" });
      const { probes, failures } = await installation.stored();
      assert.deepEqual([failures, probes, installation.asked], [3, 2, 2], "one refused run and two probes");

      installation.broken = false;
      const gate = installation.holdProbes();
      people.closeIssues();
      await installation.untilProbe();
      // The owner freezes, so that it is not started again before the other one has taken over. Then it is killed.
      const owner = await installation.leader();
      const frozen = world.fleet.processes().filter(({ name }) => name === "monitor")[owner - 1];
      assert.ok(frozen);
      assert.ok(frozen.process.kill("SIGSTOP"));
      installation.letProbesGo(gate);
      await installation.untilState("valid");
      assert.notEqual(await installation.leader(), owner, "the other one leads now");
      await world.fleet.kill9("monitor", owner - 1);
      const after = await installation.stored();
      assert.equal(after.probes, probes + 2, "the probe that died and the one in its place");
      const { asked } = installation;
      assert.ok(asked > probes && asked <= probes + 2, String(asked));
      await eventually(async () => assert.ok((await client.get(task.id)).result), { timeoutMs: 90_000 });
      const [issue] = people.issues.values();
      await eventually(() => assert.deepEqual(issue?.comments.length, 1), { timeoutMs: 60_000 });
      assert.deepEqual(await installation.events("sessionTimeout", "sessionRecovered"), [
        "sessionTimeout",
        "sessionRecovered",
      ]);
    } finally {
      await installation.close();
    }
  });
});
