import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import {
  Notice,
  NoticeAction,
  NotificationState,
  Severity,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { eventually, type IssueServer, startIssueServer } from "@ccsp/testkit";
import { type RunningNotification, startNotification } from "./start-notification.js";

/** How many notices the killed replica is in the middle of: each takes one of the channel's places. */
const HELD = 4;
const LATER = 20;

describe("notification that is killed", function () {
  this.timeout(180_000);
  let server: RedisServer;
  let github: IssueServer;
  let dir: string;
  const running: RunningNotification[] = [];
  before(async () => {
    server = await startRedis();
    github = await startIssueServer();
    dir = await mkdtemp(join(tmpdir(), "ccsp-take-over-"));
    await writeFile(join(dir, "token"), "t0ken");
    const settings = { repository: "acme/ops", baseUrl: github.url, tokenFile: join(dir, "token"), throttle: false };
    const channels = [{ name: "issues", type: "github", concurrency: HELD, ...settings }];
    await writeFile(join(dir, "channels.json"), JSON.stringify({ channels, network: { allow: ["127.0.0.1"] } }));
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((service) => service.stop()));
  });
  after(async () => {
    await github.close();
    await server.stop();
    await rm(dir, { recursive: true });
  });
  const start = async (instance: string): Promise<RunningNotification> => {
    const service = await startNotification({
      CCSP_REDIS_URL: server.url,
      CCSP_INSTANCE: instance,
      CCSP_NOTIFICATION_FILE: join(dir, "notifications.jsonl"),
      CCSP_NOTIFICATION_CHANNELS: join(dir, "channels.json"),
    });
    running.push(service);
    return service;
  };
  const notice = (at: number): Notice =>
    Notice.fromPartial({
      kind: "session.timeout",
      severity: Severity.CRITICAL,
      subject: { engine: "claude-code", account: `team-${at}` },
      dedupKey: `session:${at}`,
      action: NoticeAction.OPENS,
      time: new Date(),
    });

  it("while it delivers loses nothing and says nothing twice: another replica takes over", async () => {
    // Half of the issues are made although the replica that asks for them never learns it.
    let posts = 0;
    github.script = ({ method }) => {
      if (method !== "POST") return undefined;
      return posts++ % 2 === 0 ? "silent" : "silent after";
    };
    const first = await start("first");
    for (let at = 0; at < HELD; at += 1) await first.client.notify({ notice: notice(at) });
    await eventually(() => assert.ok(posts >= HELD), { timeoutMs: 60_000 });
    const second = await start("second");
    first.process.kill("SIGKILL");
    await first.process.exited;
    const killed = performance.now();
    github.script = () => undefined;
    const made = github.issues.length;
    assert.ok(made > 0, "no issue was made before the kill");

    // What comes meanwhile does not wait for what is held.
    for (let at = HELD; at < HELD + LATER; at += 1) await second.client.notify({ notice: notice(at) });
    await eventually(() => assert.ok(github.issues.length >= made + LATER), { timeoutMs: 60_000 });
    await eventually(() => assert.equal(github.issues.length, HELD + LATER), { timeoutMs: 60_000 });
    console.log(`taken over ${((performance.now() - killed) / 1_000).toFixed(1)} s after the kill (promised: 30 s)`);

    await eventually(
      async () => {
        const { channels } = await second.client.listChannels({});
        assert.deepEqual(
          channels.map(({ waiting }) => waiting),
          [0, 0],
        );
      },
      { timeoutMs: 60_000 },
    );
    const accounts = github.issues.map(({ title }) => /team-\d+/.exec(title)?.[0]);
    const expected = Array.from({ length: HELD + LATER }, (_, at) => `team-${at}`);
    assert.equal(accounts.length, expected.length);
    assert.deepEqual(new Set(accounts), new Set(expected));
    assert.deepEqual([...github.comments.values()].flat(), []);
    assert.deepEqual(github.faults, []);
    const lines = (await readFile(join(dir, "notifications.jsonl"), "utf8")).trimEnd().split("\n");
    assert.equal(new Set(lines.map((line) => JSON.parse(line).id)).size, HELD + LATER);
  });

  it("right after it has accepted a notice has stored it, and takes the same notice no second time", async () => {
    const before = github.issues.length;
    const lost = { notice: notice(HELD + LATER), openIssue: true };
    github.script = () => ({ status: 502 });
    const first = await start("alone");
    const { noticeId } = await first.client.notify(lost);
    first.process.kill("SIGKILL");
    await first.process.exited;
    const again = await start("alone");
    assert.equal((await again.client.notify(lost)).noticeId, noticeId);
    github.script = () => undefined;
    await eventually(() => assert.equal(github.issues.length, before + 1), { timeoutMs: 60_000 });
    await eventually(async () => {
      const { deliveries } = await again.client.getNotification({ id: noticeId });
      assert.deepEqual(
        deliveries.map(({ state }) => state),
        [NotificationState.DELIVERED, NotificationState.DELIVERED],
      );
    });
  });
});
