import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { load } from "@ccsp/config";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { defineClaudeCode } from "../src/engines/claude-code/config.js";
import { commandLineOf, expectProcesses } from "./processes.js";
import { failureOf, type Rig, resultOf, withRig } from "./rig.js";

const MINUTE_MS = 60_000;

/** An executor with four slots. Its engine has a login in a home folder. The login's values are not valid anywhere. */
const withLogin = (
  endsInMs: number,
  use: (rig: Rig, ends: (inMs: number) => Promise<void>) => Promise<void>,
  more: Record<string, string> = {},
) =>
  withRig({}, async (outer) => {
    const home = join(outer.dir, "home");
    await mkdir(join(home, ".claude"), { recursive: true });
    const ends = async (inMs: number) => {
      const claudeAiOauth = { accessToken: "fake-a", refreshToken: "fake-r", expiresAt: Date.now() + inMs };
      await writeFile(join(home, ".claude", ".credentials.json"), JSON.stringify({ claudeAiOauth }), { mode: 0o600 });
    };
    await ends(endsInMs);
    const env = { CCSP_EXECUTOR_DIR: join(outer.dir, "other"), CCSP_EXECUTOR_SLOTS: "4", CCSP_CLAUDE_CODE_API_KEY: "" };
    // The outer executor has the same id, so the test finds the processes. It has no work.
    await withRig({ ...env, CCSP_CLAUDE_CODE_HOME: home, ...more }, (rig) => use(rig, ends));
  });

/** Cancels the tasks and waits until they end. */
async function cancel(rig: Rig, tasks: readonly string[]): Promise<void> {
  for (const task of tasks) rig.queue.cancel(task);
  for (const task of tasks) await rig.ended(task);
}

const addAll = (rig: Rig, prompts: readonly string[]) => prompts.map((prompt) => rig.queue.add(prompt));

describe("runs that share an interactive login", function () {
  this.timeout(60_000);
  afterEach(() => expectProcesses(0));

  it("start at the same time while the login is valid for long", () =>
    withLogin(60 * MINUTE_MS, async (rig) => {
      const tasks = addAll(rig, ["[[hang]]", "[[hang]]", "[[hang]]"]);
      await eventually(() => expectProcesses(3));
      await cancel(rig, tasks);
    }));

  it("start one after the other when the login is about to expire, and all once one of them has refreshed it", () =>
    withLogin(MINUTE_MS, async (rig, ends) => {
      const tasks = addAll(rig, ["[[hang]]", "[[hang]]", "[[hang]]"]);
      await eventually(async () => {
        await expectProcesses(1);
        // The queue has granted all of them by then.
        assert.equal(rig.queue.syncs.at(-1)?.leases.length, 3);
      });
      await ends(60 * MINUTE_MS);
      await eventually(() => expectProcesses(3));
      await cancel(rig, tasks);
    }));

  it("start in their order, each when the one before has shown that it works, or has ended", () =>
    withLogin(MINUTE_MS, async (rig) => {
      const [writes, fails, last] = addAll(rig, ["[[hang-mid]]", "[[fail:401]]", "[[text:done]]"]);
      assert.ok(writes && fails && last);
      assert.equal((await failureOf(rig, fails)).category, ErrorCategory.SESSION_TIMEOUT);
      assert.equal((await resultOf(rig, last)).text, "done");
      await expectProcesses(1, writes);
      await cancel(rig, [writes]);
    }));

  it("leave the waiting line when they are cancelled, start no process, and delay no other run", () =>
    withLogin(MINUTE_MS, async (rig) => {
      const first = rig.queue.add("[[hang]]");
      await eventually(() => expectProcesses(1, first));
      const [second, third] = addAll(rig, ["[[hang]]", "[[text:done]]"]);
      assert.ok(second && third);
      await eventually(() => assert.equal(rig.queue.syncs.at(-1)?.leases.length, 3));
      rig.queue.cancel(second);
      assert.equal((await failureOf(rig, second)).category, ErrorCategory.CANCELLED);
      assert.deepEqual(rig.queue.recordOf(second).reports, [], "it never started");
      await expectProcesses(1, first);
      await cancel(rig, [first]);
      assert.equal((await resultOf(rig, third)).text, "done");
    }));

  it("leave the waiting line at an emergency stop", () =>
    withLogin(MINUTE_MS, async (rig) => {
      const tasks = addAll(rig, ["[[hang]]", "[[hang]]", "[[hang]]"]);
      await eventually(async () => {
        await expectProcesses(1);
        assert.equal(rig.queue.syncs.at(-1)?.leases.length, 3);
      });
      rig.queue.emergency({ id: "e1", level: EmergencyLevel.PARK_RUNNING });
      await eventually(() => assert.equal(rig.queue.syncs.at(-1)?.emergency?.remaining, 0));
      for (const task of tasks) assert.equal((await rig.ended(task)).how, "release");
    }));

  it("do not wait where the login is a token without refresh", () =>
    withLogin(
      MINUTE_MS,
      async (rig) => {
        const tasks = addAll(rig, ["[[hang]]", "[[hang]]"]);
        await eventually(() => expectProcesses(2));
        await cancel(rig, tasks);
      },
      { CCSP_CLAUDE_CODE_ENV: "CLAUDE_CODE_OAUTH_TOKEN", CLAUDE_CODE_OAUTH_TOKEN: "fake-token" },
    ));
});

describe("a login of Claude Code", function () {
  this.timeout(60_000);

  it("comes only from variables that the operator lists, and is in no command line", () => {
    const secrets = { CLAUDE_CODE_OAUTH_TOKEN: "secret-of-a-test", NOT_LISTED: "secret-of-others" };
    return withRig(
      { CCSP_CLAUDE_CODE_ENV: "CLAUDE_CODE_OAUTH_TOKEN", CCSP_EXECUTOR_BROKER: "off", ...secrets },
      async (rig) => {
        const task = rig.queue.add("[[hang]]");
        const pids = await eventually(() => expectProcesses(1, task));
        for (const pid of pids) assert.ok(!commandLineOf(pid).includes("secret-of"));
        await cancel(rig, [task]);
        const { env }: { env: Record<string, string> } = JSON.parse(
          (await resultOf(rig, rig.queue.add("[[report]]"))).text,
        );
        assert.equal(env["CLAUDE_CODE_OAUTH_TOKEN"], "secret-of-a-test");
        assert.ok(!JSON.stringify(env).includes("secret-of-others"));
      },
    );
  });

  it("in a variable that is listed but not set is a fault at start; set values are secret, and CCSP's own variables are never passed on", () => {
    const faultsOf = (env: Record<string, string>) => {
      try {
        load(env, defineClaudeCode);
        return "";
      } catch (error) {
        return String(error);
      }
    };
    assert.match(faultsOf({ CCSP_CLAUDE_CODE_ENV: "TOKEN_A" }), /CCSP_CLAUDE_CODE_ENV lists TOKEN_A, which is not set/);
    assert.match(faultsOf({ CCSP_CLAUDE_CODE_ENV: "CCSP_JWT_SECRET" }), /CCSP_CLAUDE_CODE_ENV/);
    const bad = faultsOf({
      CCSP_CLAUDE_CODE_ENV: "TOKEN_A",
      TOKEN_A: "secret-of-a-test",
      CCSP_CLAUDE_CODE_MAX_RETRIES: "x",
    });
    assert.match(bad, /MAX_RETRIES/);
    assert.ok(!bad.includes("secret-of-a-test"));
  });

  it("has the name that the operator sets, which separates its limits", () =>
    withRig({ CCSP_CLAUDE_CODE_ACCOUNT: "team-a" }, async (rig) => {
      await eventually(() => assert.equal(rig.queue.syncs.at(-1)?.engines[0]?.account, "team-a"));
    }));
});
