import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { eventually, type IssueServer, startIssueServer } from "@ccsp/testkit";

const REFUSED = { kind: "fault", status: 401, type: "authentication_error", message: "invalid x-api-key" } as const;
const LONG = { timeoutMs: 90_000 };

describe("the issue of a lost login, from the real CLI to the issue tracker and back", function () {
  this.timeout(400_000);
  let github: IssueServer;
  let world: World;
  let dir: string;
  let broken = false;

  before(async () => {
    github = await startIssueServer();
    dir = await mkdtemp(join(tmpdir(), "ccsp-lost-login-"));
    await writeFile(join(dir, "token"), "t0ken");
    const settings = { repository: "acme/ops", baseUrl: github.url, tokenFile: join(dir, "token"), throttle: false };
    const file = { channels: [{ name: "issues", type: "github", ...settings }], network: { allow: ["127.0.0.1"] } };
    await writeFile(join(dir, "channels.json"), JSON.stringify(file));
    world = await startWorld({
      env: {
        CCSP_NOTIFICATION_CHANNELS: join(dir, "channels.json"),
        CCSP_NOTIFICATION_ISSUE_POLL: "500ms",
        CCSP_CLAUDE_CODE_MAX_RETRIES: "0",
        // Only a refused run or a person makes this monitor ask.
        CCSP_MONITOR_SESSION_INTERVAL: "1h",
        CCSP_MONITOR_SESSION_RETRY: "1s",
      },
    });
    world.simulator.script(() => broken, ...Array.from({ length: 1_000 }, () => REFUSED));
  });
  after(async () => {
    await world.close();
    await github.close();
    await rm(dir, { recursive: true });
  });
  const issue = () => {
    // Services that are killed have alerts, with issues of their own.
    const [found, ...more] = github.issues.filter(({ title }) => title.startsWith("The login of"));
    assert.deepEqual(more, []);
    return found ?? assert.fail(`issues: ${github.issues.map(({ title }) => title).join("; ")}`);
  };
  const comments = () => (github.comments.get(issue().number) ?? []).map(({ body }) => (body ?? "").split("\n")[0]);

  it("is opened once, reopened after a failed probe, and closed with a comment when the login works again, with each service killed on the way", async () => {
    const client = world.client("alice");
    await collect(client.run({ prompt: "hello" }));
    broken = true;
    const task = await client.submit({ prompt: "one" });
    await eventually(() => assert.equal(issue().state, "open"), LONG);
    assert.match(issue().title, /^The login of claude-code ended/);
    await world.fleet.kill9("notification", 0);
    await world.fleet.kill9("monitor", 0);

    // A person closes the issue too early.
    github.setState(1, "closed", "ann");
    await eventually(() => assert.deepEqual([issue().state, comments().length], ["open", 1]), LONG);
    assert.match(comments()[0] ?? "", /still refused/);
    await world.fleet.kill9("notification", 0);
    await world.fleet.kill9("queue", 0);

    // The login is renewed.
    broken = false;
    github.setState(1, "closed", "ann");
    await eventually(() => assert.deepEqual([issue().state, comments().length], ["closed", 2]), LONG);
    assert.match(comments()[1] ?? "", /works again/);
    await eventually(async () => assert.ok((await client.get(task.id)).result), LONG);
    assert.deepEqual(github.faults, []);
  });
});
