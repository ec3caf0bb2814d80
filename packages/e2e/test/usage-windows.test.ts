import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { monitorClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { Exhaustion, ShareSource, type UsageWindow } from "@ccsp/protos/ccsp/monitor/v1/windows.js";
import { WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { eventually } from "@ccsp/testkit";

/** The account that this test gives the login. */
const ACCOUNT = "team@example.com";
/** Time for a run of the real CLI. */
const A_RUN = { timeoutMs: 60_000 };

describe("usage windows, with the real Claude Code CLI and a login of a subscription", function () {
  this.timeout(120_000);
  let folder: string;
  let world: World;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-windows-"));
    const envFile = join(folder, "login.env");
    await writeFile(envFile, "CLAUDE_CODE_OAUTH_TOKEN=a-login-of-this-test\n", { mode: 0o600 });
    world = await startWorld({
      env: {
        CCSP_CLAUDE_CODE_API_KEY: "",
        CCSP_CLAUDE_CODE_ENV_FILE: envFile,
        CCSP_CLAUDE_CODE_ACCOUNT: ACCOUNT,
      },
    });
  });
  after(async () => {
    await world?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("shows state, share and reset of each window as the provider's headers said them, while a run works, and that one has closed", async () => {
    const monitor = monitorClient(world);
    const client = world.client("alice");
    const list = async () => (await monitor.listUsageWindows({})).windows;
    const named = (windows: readonly UsageWindow[], name: string): UsageWindow => {
      const found = windows.find((each) => each.name === name);
      assert.ok(found, `there is no window ${name}`);
      return found;
    };
    try {
      assert.deepEqual(await list(), []);
      const resetMs = Date.now() + 7_200_000;
      await collect(client.run({ prompt: "[[sim:window reset=7200 share=0.93 week=0.5]] hello" }));
      const five = await eventually(async () => named(await list(), "five_hour"));
      assert.deepEqual(
        [five.engine, five.account, five.state, five.usedShare, five.shareSource],
        ["claude-code", ACCOUNT, WindowState.WARNING, 0.93, ShareSource.ENGINE],
      );
      assert.ok(Math.abs((five.resetTime?.getTime() ?? 0) - resetMs) < 60_000, String(five.resetTime));
      assert.equal((five.resetTime?.getTime() ?? 0) - (five.startTime?.getTime() ?? 0), 5 * 3_600_000);
      await eventually(async () => assert.equal(named(await list(), "five_hour").runs, 1n));
      const week = named(await list(), "seven_day");
      assert.deepEqual([week.state, week.usedShare], [WindowState.OPEN, 0.5]);
      // One run is too little usage to predict anything, and the answer says so.
      assert.equal(week.exhaustion, Exhaustion.UNSPECIFIED);
      assert.match(week.exhaustReason, /usage of \d+ minutes|no usage/);

      const gate = world.simulator.gate();
      const held = gate.marker.replace("]]", " after=3]]");
      const running = collect(client.run({ prompt: `${held}[[sim:window reset=7200 share=0.96 week=0.5]] hello` }));
      await gate.reached;
      await eventually(async () => {
        const { runs, usedShare } = named(await list(), "five_hour");
        assert.deepEqual([runs, usedShare], [1n, 0.96]);
      }, A_RUN);
      gate.release();
      await running;

      const { id } = await client.submit({ prompt: "[[sim:429-window reset=3600 times=1]] again" });
      const closed = await eventually(async () => {
        const window = named(await list(), "five_hour");
        assert.equal(window.state, WindowState.CLOSED);
        return window;
      }, A_RUN);
      assert.deepEqual(
        [closed.usedShare, closed.shareSource, closed.exhaustion],
        [1, ShareSource.CLOSED, Exhaustion.USED_UP],
      );
      await client.cancel(id);
    } finally {
      monitor.close();
    }
  });
});
