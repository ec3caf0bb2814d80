import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import {
  IssueState,
  Notice,
  NoticeAction,
  NotificationState,
  Severity,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { eventually, type IssueServer, startIssueServer } from "@ccsp/testkit";
import { type RunningNotification, startNotification } from "./start-notification.js";

const TIME = new Date("2026-01-31T09:00:00Z");

describe("the RPCs of notification", () => {
  let server: RedisServer;
  let github: IssueServer;
  let dir: string;
  let service: RunningNotification;
  let client: RunningNotification["client"];

  const replica = (issuePoll: string) =>
    startNotification({
      CCSP_REDIS_URL: server.url,
      CCSP_NOTIFICATION_FILE: join(dir, "notifications.jsonl"),
      CCSP_NOTIFICATION_CHANNELS: join(dir, "channels.yaml"),
      CCSP_NOTIFICATION_ISSUE_POLL: issuePoll,
    });
  const start = async (rules = "") => {
    await writeFile(
      join(dir, "channels.yaml"),
      `
channels:
  - name: issues
    type: github
    repository: acme/ops
    baseUrl: ${github.url}
    tokenFile: ${join(dir, "token")}
    throttle: false
network:
  allow: [127.0.0.1]
${rules}
`,
    );
    service = await replica("100ms");
    ({ client } = service);
  };
  beforeEach(async () => {
    server = await startRedis();
    github = await startIssueServer();
    dir = await mkdtemp(join(tmpdir(), "ccsp-notify-"));
    await writeFile(join(dir, "token"), "t0ken");
    await start();
  });
  afterEach(async () => {
    await service.stop();
    await github.close();
    await server.stop();
    await rm(dir, { recursive: true });
  });
  const lost = (more: Partial<Notice> = {}): Notice =>
    Notice.fromPartial({
      kind: "session.timeout",
      severity: Severity.CRITICAL,
      subject: { engine: "claude-code", account: "team" },
      dedupKey: "session:1",
      action: NoticeAction.OPENS,
      time: TIME,
      ...more,
    });
  const comments = () => (github.comments.get(1) ?? []).length;
  const refused = (reason: string, message = /./) => ({ reason, message });

  it("open an issue, stream its state while people change it, comment on it, reopen it and close it", async () => {
    await client.notify({ notice: lost(), openIssue: true });
    const stop = new AbortController();
    const states: string[] = [];
    const watching = (async () => {
      for await (const { state, who, url } of client.watchIssue({ dedupKey: "session:1" }, { signal: stop.signal }))
        if (state !== IssueState.UNSPECIFIED) states.push(`${IssueState[state]} ${who} ${url.split("/").at(-1)}`);
    })();
    await eventually(() => assert.deepEqual(states, ["OPEN  1"]));
    github.setState(1, "closed", "ann");
    await eventually(() => assert.deepEqual(states.slice(1), ["CLOSED ann 1"]));

    const comment = lost({ kind: "session.refused", action: NoticeAction.UPDATES });
    const update = { dedupKey: "session:1", updateId: "u1", comment, state: IssueState.OPEN };
    await client.updateIssue(update);
    await client.updateIssue(update);
    await eventually(() => assert.deepEqual([github.issues[0]?.state, comments()], ["open", 1]));
    await eventually(() => assert.deepEqual(states.slice(2), ["OPEN ccsp-bot 1"]));

    const end = lost({ kind: "session.recovered", action: NoticeAction.RESOLVES });
    await client.updateIssue({ dedupKey: "session:1", updateId: "u2", comment: end, state: IssueState.CLOSED });
    await eventually(() => assert.deepEqual([github.issues[0]?.state, comments()], ["closed", 2]));
    assert.equal(github.issues.length, 1);
    stop.abort();
    await watching.catch(() => undefined);
  });

  it("read a watched issue at once when its tracker tells any replica of a change, and no other issue", async () => {
    await client.notify({ notice: lost(), openIssue: true });
    await eventually(() => assert.equal(github.issues.length, 1));
    const patient = await replica("1h");
    const stop = new AbortController();
    try {
      const watched: [string, string][] = [];
      const watching = (async () => {
        const states = patient.client.watchIssue({ dedupKey: "session:1" }, { signal: stop.signal });
        for await (const { state, url } of states) if (url !== "") watched.push([IssueState[state], url]);
      })();
      await eventually(() => assert.equal(watched.length, 1));
      const url = watched[0]?.[1] ?? "";
      github.setState(1, "closed", "ann");
      const reads = github.asked.length;
      await client.issueChanged({ url: `${url}1` });
      await client.issueChanged({ url });
      await eventually(() => assert.deepEqual(watched.slice(1), [["CLOSED", url]]));
      assert.equal(github.asked.length, reads + 1);
      for (const wrong of ["", `https://github.com/${"x".repeat(2_048)}`])
        await assert.rejects(client.issueChanged({ url: wrong }), refused("INVALID_FIELD", /url/));
      stop.abort();
      await watching.catch(() => undefined);
    } finally {
      stop.abort();
      await patient.stop();
    }
  });

  it("show each attempt with its cause, and let a person try again at once", async () => {
    github.script = ({ method }) =>
      method === "POST" ? { status: 403, message: "Resource not accessible" } : undefined;
    const { noticeId } = await client.notify({ notice: lost(), openIssue: false });
    await eventually(async () => {
      const { deliveries } = await client.getNotification({ id: noticeId });
      const issues = deliveries.find(({ channel }) => channel === "issues");
      assert.match(issues?.newestAttempts.at(-1)?.cause ?? "", /403: Resource not accessible/);
      assert.equal(issues?.state, NotificationState.WAITING);
    });
    const waiting = await client.listNotifications({ state: NotificationState.WAITING });
    assert.deepEqual(
      waiting.notifications.map(({ id, channel, attempts, cause }) => [id, channel, attempts, cause.slice(0, 19)]),
      [[noticeId, "issues", 1, "GitHub answered 403"]],
    );
    github.script = () => undefined;
    assert.equal((await client.retryNotification({ id: noticeId, channel: "issues" })).retried, 1);
    await eventually(() => assert.equal(github.issues.length, 1));
  });

  it("send at once what a person retries, also on a channel that has asked to wait for an hour", async () => {
    github.script = ({ method }) =>
      method === "POST"
        ? { status: 403, headers: { "retry-after": "3600" }, message: "You have exceeded a secondary rate limit" }
        : undefined;
    const { noticeId } = await client.notify({ notice: lost(), openIssue: false });
    const issues = async () => (await client.listChannels({})).channels.find(({ name }) => name === "issues");
    await eventually(async () => assert.ok(((await issues())?.pausedUntilTime?.getTime() ?? 0) > Date.now()));
    github.script = () => undefined;
    assert.equal((await client.retryNotification({ id: noticeId, channel: "issues" })).retried, 1);
    await eventually(() => assert.equal(github.issues.length, 1));
  });

  it("list and test the channels", async () => {
    const { channels } = await client.listChannels({});
    assert.deepEqual(
      channels.map(({ name, type, target }) => [name, type, target.replace(/:\d+$/, "").replace(dir, "DIR")]),
      [
        ["file", "file", "DIR/notifications.jsonl"],
        ["issues", "github", "acme/ops at http://127.0.0.1"],
      ],
    );
    assert.equal((await client.testChannel({ channel: "issues", who: "ann" })).accepted, true);
    assert.match(github.issues[0]?.title ?? "", /A test of the channel issues by ann/);
    assert.equal(github.issues[0]?.state, "closed", "nobody has to close the issue of a test");
    github.script = () => ({ status: 401, message: "Bad credentials" });
    const failed = await client.testChannel({ channel: "issues" });
    assert.deepEqual([failed.accepted, failed.cause], [false, "GitHub answered 401: Bad credentials"]);
  });

  it("preview where a notice would go and what it would say, without sending it", async () => {
    const { previews } = await client.previewNotification({ notice: lost() });
    assert.deepEqual(
      previews.map(({ channel, title }) => [channel, title.slice(0, 40)]),
      ["file", "issues"].map((channel) => [channel, "The login of claude-code (team) ended: n"]),
    );
    assert.match(previews[1]?.why ?? "", /^there are no rules/);
    assert.equal((await client.listNotifications({})).notifications.length, 0);
    assert.equal(github.asked.length, 0);
  });

  it("preview by the rules for the agent and the time that are asked for", async () => {
    await service.stop();
    await start(`
rules:
  - agent: nightly-*
    channels: [issues]
quietHours: { from: "22:00", to: "07:00", timeZone: UTC, below: critical }`);
    const notice = lost({ severity: Severity.WARNING });
    const preview = async (agentId: string, time: string) => {
      const { previews } = await client.previewNotification({ notice, agentId, time: new Date(time) });
      // The file gets everything.
      return previews.slice(1).map(({ channel, why, notBeforeTime }) => [channel, why, notBeforeTime?.toISOString()]);
    };
    assert.deepEqual(await preview("nightly-7", "2026-01-31T12:00Z"), [["issues", "rules.0", undefined]]);
    const morning = "2026-02-01T07:00:00.000Z";
    assert.deepEqual(await preview("nightly-7", "2026-01-31T23:00Z"), [["issues", "rules.0", morning]]);
    assert.deepEqual(await preview("ann", "2026-01-31T12:00Z"), []);
  });

  it("refuse what they cannot do, and name the field or the thing", async () => {
    const notify = (notice: Notice | undefined) => client.notify({ notice });
    await assert.rejects(notify(undefined), refused("INVALID_FIELD", /notice must be set/));
    await assert.rejects(
      notify(lost({ kind: "Not A Kind", dedupKey: "" })),
      refused("INVALID_FIELD", /notice\.kind.*notice\.dedup_key/s),
    );
    await assert.rejects(notify(lost({ facts: { x: "y".repeat(2_000) } })), refused("INVALID_FIELD", /notice\.facts/));
    const names = { subject: { "": "x" }, facts: { ["n".repeat(65)]: "x" }, links: { "": "https://x.example" } };
    await assert.rejects(
      notify(lost({ ...names, labels: [""] })),
      refused("INVALID_FIELD", /notice\.subject.*notice\.facts.*notice\.links.*notice\.labels/s),
    );
    // It has more seconds than a Date can hold.
    const time = Object.assign(new Date(0), { getTime: () => 1e18 });
    await assert.rejects(notify(lost({ time })), refused("INVALID_FIELD", /notice\.time is not a time/));
    await assert.rejects(
      client.previewNotification({ notice: lost({ time }), time }),
      refused("INVALID_FIELD", /notice\.time is not a time.*[^.]time is not a time/s),
    );
    await assert.rejects(client.getNotification({ id: "x" }), refused("NOTIFICATION_NOT_FOUND"));
    await assert.rejects(client.retryNotification({}), refused("INVALID_FIELD", /id must be set/));
    await assert.rejects(client.retryNotification({ id: "x" }), refused("NOTIFICATION_NOT_FOUND"));
    await assert.rejects(
      client.retryNotification({ id: "x", channel: "y" }),
      refused("CHANNEL_NOT_FOUND", /file, issues/),
    );
    await assert.rejects(client.testChannel({ channel: "y" }), refused("CHANNEL_NOT_FOUND"));
    for (const state of [NotificationState.DELIVERED, NotificationState.WAITING, NotificationState.DEAD]) {
      await assert.rejects(client.listNotifications({ channel: "y", state }), refused("CHANNEL_NOT_FOUND"));
      assert.deepEqual((await client.listNotifications({ channel: "issues", state })).notifications, []);
    }
    await client.notify({ notice: lost({ dedupKey: "no issue" }) });
    for (const dedupKey of ["none", "no issue"]) {
      const first = client.watchIssue({ dedupKey })[Symbol.asyncIterator]().next();
      await assert.rejects(first, refused("ISSUE_NOT_FOUND"));
      const update = { dedupKey, updateId: "u", comment: lost() };
      await assert.rejects(client.updateIssue(update), refused("ISSUE_NOT_FOUND"));
    }
  });
});
