import assert from "node:assert/strict";
import type { CcspClient, TaskStateName } from "@ccsp/client";
import { notificationClient, queueClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { eventually, type Gate } from "@ccsp/testkit";

const SLOTS = 3;
/** CCSP treats a window as open half a minute after its reset time. */
const WINDOW_MS = 30_000;

// These tasks have one attempt. If a limit used up an attempt, they would end.
const once = (prompt: string) => ({ prompt, maxAttempts: 1 });

describe("limits of a login, with the real Claude Code CLI at two executors and two queues", function () {
  this.timeout(240_000);
  let world: World;
  let client: CcspClient;
  before(async () => {
    world = await startWorld({
      replicas: { queue: 2, executor: 2 },
      slots: SLOTS,
      env: {
        // Simulates a subscription, because only subscriptions have windows. The CLI tries three times.
        CCSP_CLAUDE_CODE_API_KEY: "",
        CCSP_CLAUDE_CODE_ENV: "CLAUDE_CODE_OAUTH_TOKEN",
        CLAUDE_CODE_OAUTH_TOKEN: "fake-login",
        CCSP_CLAUDE_CODE_MAX_RETRIES: "2",
        // The simulated login is refused for one prompt only. So a probe of the monitor would open the gate.
        CCSP_MONITOR_SESSION_RETRY: "1h",
      },
    });
    client = world.client("alice");
  });
  after(() => world.close());

  const submit = async (prompt: string) => (await client.submit(once(prompt))).id;
  const stateOf = async (id: string) => (await client.get(id)).state;
  const reaches = (id: string, state: TaskStateName) =>
    eventually(async () => assert.equal(await stateOf(id), state), { timeoutMs: 90_000, what: `${state} of ${id}` });
  const stand = (gate: Gate, count: number) =>
    eventually(() => assert.equal(gate.waiting(), count), { timeoutMs: 60_000, what: `${count} runs at the gate` });
  const blockers = async (id: string) => (await client.explain(id)).blockers;
  const calls = (prompt: string) => world.simulator.requests.filter((request) => request.prompt?.includes(prompt));

  it("slow all its executors down together when the provider is overloaded, and let all tasks run in the end", async () => {
    const first = world.simulator.gate();
    const second = world.simulator.gate();
    const held = await Promise.all([1, 2, 3, 4, 5].map((n) => submit(`${first.marker} first ${n}`)));
    await stand(first, 5);
    const overloaded = await submit(`[[sim:529 times=3]] ${second.marker} overloaded`);
    // It stays parked for some seconds only, so its log says so.
    let parked = false;
    for await (const entry of client.watch(overloaded, { signal: AbortSignal.timeout(90_000) })) {
      parked = entry.type === "state-changed" && entry.state === "PARKED";
      if (parked) break;
    }
    assert.ok(parked, "it was never parked");
    assert.equal(calls("overloaded").length, 3);

    const waiting = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => submit(`${second.marker} second ${n}`)));
    const bound = async (text: RegExp) => {
      const all = (await Promise.all(waiting.map(blockers))).flat();
      const cap = all.find(({ kind }) => kind === "CAP");
      assert.match(cap?.message ?? "no cap", text);
    };
    // Six tasks ran, so three may run now. One slot is free and must stay free.
    await eventually(() => bound(/^5 tasks of the login of claude-code, .*overloaded, run, of at most 3 at once$/));
    assert.equal(second.waiting(), 0);
    first.release();
    await stand(second, 3);
    await eventually(() => bound(/^3 tasks .* of at most 3 at once$/));
    assert.equal(second.waiting(), 3);
    second.release();
    for (const id of [...held, overloaded, ...waiting]) await reaches(id, "SUCCEEDED");
    const executors = await Promise.all(held.map(async (id) => (await client.get(id)).result?.executorId));
    assert.equal(new Set(executors).size, 2, "one executor ran all");
  });

  it("treat a burst of 429 not as a closed window, and wait like after an overload of three answers, without using attempts", async () => {
    const ids = [await submit("[[sim:429 times=1]] burst"), await submit("[[sim:529 times=3]] busy")];
    for (const id of ids) await reaches(id, "SUCCEEDED");
    // With a login, the CLI does not retry a 429 by itself, and it retries a 529 twice.
    assert.deepEqual([calls("burst").length, calls("busy").length], [2, 4]);
  });

  it("stop its tasks everywhere when it is refused, notify once, and continue when a person resumes it", async () => {
    const refused = await submit("[[sim:401 times=3]] refused");
    const frozen = async () => {
      const [blocker] = await blockers(refused);
      assert.equal(blocker?.kind, "GATE");
      assert.match(blocker.message, /is refused: a person has to renew it/);
      assert.equal(blocker.until, undefined);
    };
    await eventually(frozen, { timeoutMs: 60_000 });
    const other = await submit("other");
    assert.ok((await blockers(other)).some(({ kind }) => kind === "GATE"));
    const notification = notificationClient(world);
    const queue = queueClient(world);
    try {
      await eventually(async () => {
        const { notifications } = await notification.listNotifications({ eventType: "session.timeout" });
        assert.equal(notifications.length, 1);
      });
      assert.deepEqual([await stateOf(refused), await stateOf(other)], ["QUEUED", "QUEUED"]);
      const account = { engine: "claude-code", account: "" };
      const scope = { scope: { $case: "account" as const, value: account } };
      assert.deepEqual(await queue.resumeQueue({ scope, who: "ada", why: "logged in again" }), { resumed: true });
      for (const id of [refused, other]) await reaches(id, "SUCCEEDED");
    } finally {
      notification.close();
      queue.close();
    }
  });

  it("park tasks that met a closed window until it opens plus a margin, hold all others, and continue without a person", async () => {
    const closed = await submit("[[sim:429-window reset=1 times=1]] closed");
    await reaches(closed, "PARKED");
    const parkedAt = Date.now();
    const other = await submit("behind it");
    const gate = (await blockers(other)).find(({ kind }) => kind === "GATE");
    assert.match(gate?.message ?? "", /the usage window of the login of claude-code is closed/);
    assert.ok((gate?.until?.getTime() ?? 0) - parkedAt > WINDOW_MS - 10_000, String(gate?.until));
    assert.equal(calls("behind it").length, 0);
    for (const id of [closed, other]) await reaches(id, "SUCCEEDED");
    // The CLI did not retry by itself, and no attempt came before the reset time.
    assert.equal(calls("closed").length, 2);
  });
});
