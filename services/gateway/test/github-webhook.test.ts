import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { type Client, type Connection, createClient } from "@ccsp/grpc-kit";
import {
  IssueState,
  Notice,
  NoticeAction,
  NotificationServiceService,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import {
  eventually,
  type IssueServer,
  type ServiceProcess,
  startIssueServer,
  startServiceProcess,
} from "@ccsp/testkit";

const SECRET = "what only GitHub and this gateway know";
const WAIT = { timeoutMs: 60_000 };

describe("GitHub's webhook", function () {
  this.timeout(120_000);
  let redis: RedisServer;
  let github: IssueServer;
  let folder: string;
  let notification: ServiceProcess;
  let gateway: ServiceProcess;
  let queue: ServiceProcess;
  let client: Client<typeof NotificationServiceService> & Connection;

  const start = (name: string, env: Record<string, string>) =>
    startServiceProcess({
      name,
      folder: fileURLToPath(new URL(`../../${name}`, import.meta.url)),
      env: { PATH: process.env["PATH"] ?? "", CCSP_REDIS_URL: redis.url, CCSP_HEARTBEAT: "0s", ...env },
    });
  const startNotification = () =>
    start("notification", {
      CCSP_NOTIFICATION_FILE: join(folder, "notifications.jsonl"),
      CCSP_NOTIFICATION_CHANNELS: join(folder, "channels.yaml"),
      CCSP_NOTIFICATION_ISSUE_POLL: "1h",
    });

  before(async () => {
    redis = await startRedis();
    github = await startIssueServer();
    folder = await mkdtemp(join(tmpdir(), "ccsp-webhook-"));
    await writeFile(join(folder, "token"), "t0ken");
    await writeFile(join(folder, "webhook.secret"), `${SECRET}\n`);
    await writeFile(
      join(folder, "channels.yaml"),
      `
channels:
  - { name: issues, type: github, repository: acme/ops, baseUrl: "${github.url}", tokenFile: "${folder}/token", throttle: false }
network: { allow: [127.0.0.1] }
`,
    );
    notification = await startNotification();
    client = createClient(NotificationServiceService, notification.address);
    queue = await start("queue", {});
    gateway = await start("gateway", {
      CCSP_NOTIFICATION_TARGET: notification.address,
      CCSP_QUEUE_TARGET: queue.address,
      CCSP_JWT_SECRET: "a secret of this test and of nothing else",
      CCSP_GATEWAY_GITHUB_WEBHOOK_SECRET_FILE: join(folder, "webhook.secret"),
    });
  });
  after(async () => {
    client?.close();
    await gateway?.stop();
    await queue?.stop();
    await notification?.stop();
    await github?.close();
    await redis?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Sends what GitHub sends, as its documentation of webhooks says. */
  const deliver = async (payload: unknown, headers: Record<string, string> = {}) => {
    const body = typeof payload === "string" ? payload : JSON.stringify(payload);
    const answer = await fetch(`${gateway.httpAddress}/webhooks/github`, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/044aadd",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-github-event": "issues",
        "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
        ...headers,
      },
    });
    const said: { outcome?: string; detail?: string } = Object(await answer.json());
    return { status: answer.status, ...said };
  };
  const closed = (url: string, time: string) => ({
    action: "closed",
    issue: { html_url: url, number: 1, state: "closed", updated_at: time },
    repository: { full_name: "acme/ops" },
    sender: { login: "ann" },
  });

  it("tells who watches an issue of each change at once, and an event that is repeated of none", async () => {
    const dedupKey = "session:1";
    const opens = { kind: "session.timeout", dedupKey, action: NoticeAction.OPENS, time: new Date() };
    const notice = Notice.fromPartial(opens);
    await client.notify({ notice, openIssue: true });
    await eventually(() => assert.equal(github.issues.length, 1), WAIT);
    const stop = new AbortController();
    const watched: [string, string][] = [];
    const watching = (async () => {
      for await (const { state, url } of client.watchIssue({ dedupKey }, { signal: stop.signal }))
        if (url !== "") watched.push([IssueState[state], url]);
    })();
    await eventually(() => assert.equal(watched.length, 1), WAIT);
    const url = watched[0]?.[1] ?? "";

    github.setState(1, "closed", "ann");
    const event = closed(url, "2026-01-31T09:00:00Z");
    assert.deepEqual(await deliver(event), { status: 202, outcome: "passed on" });
    await eventually(() => assert.deepEqual(watched.slice(1), [["CLOSED", url]]), WAIT);

    const reads = github.asked.length;
    const other = { "x-github-delivery": "00000000-cc78-11e3-81ab-4c9367dc0958" };
    assert.deepEqual(await deliver(event, other), { status: 202, outcome: "repeated" });
    assert.deepEqual(await deliver(closed(url, "2026-01-31T09:00:01Z")), { status: 202, outcome: "passed on" });
    await eventually(() => assert.equal(github.asked.length, reads + 1), WAIT);
    stop.abort();
    await watching.catch(() => undefined);
  });

  it("is refused without the signature of its body", async () => {
    const event = closed("https://github.com/acme/ops/issues/1", "2026-01-31T09:00:02Z");
    const of = (secret: string, body: string): string => createHmac("sha256", secret).update(body).digest("hex");
    for (const signature of [
      "",
      "sha256=",
      `sha256=${of("another secret", JSON.stringify(event))}`,
      `sha256=${of(SECRET, `${JSON.stringify(event)} `)}`,
      `sha1=${of(SECRET, JSON.stringify(event))}`,
      of(SECRET, JSON.stringify(event)),
    ]) {
      const { status, detail = "" } = await deliver(event, { "x-hub-signature-256": signature });
      assert.equal(status, 403, signature);
      assert.doesNotMatch(detail, /[0-9a-f]{64}/);
    }
  });

  it("is ignored for events that nobody needs, and refused where it is not an event of an issue", async () => {
    const event = closed("https://github.com/acme/ops/issues/1", "2026-01-31T09:00:03Z");
    for (const kind of ["ping", "issue_comment", "push"])
      assert.deepEqual(await deliver(event, { "x-github-event": kind }), { status: 202, outcome: "ignored" });
    for (const wrong of ["{", "[]", "null", {}, { issue: {} }, { issue: { html_url: "javascript:alert(1)" } }])
      assert.equal((await deliver(wrong)).status, 400, JSON.stringify(wrong));
    assert.equal((await deliver({ ...event, padding: "x".repeat(1024 * 1024) })).status, 413);
  });

  it("takes little memory of strangers: only so many bodies arrive at the same time", async () => {
    const { hostname, port } = new URL(gateway.httpAddress);
    const statuses: (number | undefined)[] = [];
    const strangers = Array.from({ length: 40 }, () => {
      const headers = { "content-type": "application/json", "content-length": "1000000" };
      const sent = request({ hostname, port, path: "/webhooks/github", method: "POST", headers }, (answer) =>
        statuses.push(answer.resume().statusCode),
      );
      sent.on("error", () => undefined).write("{");
      return sent;
    });
    await eventually(() => assert.ok(statuses.length >= 8), WAIT);
    assert.deepEqual(new Set(statuses), new Set([503]));
    for (const stranger of strangers) stranger.destroy();
    const event = closed("https://github.com/acme/ops/issues/1", "2026-01-31T09:00:05Z");
    await eventually(async () => assert.equal((await deliver(event)).status, 202), WAIT);
  });

  it("may come again when notification was away", async () => {
    const event = closed("https://github.com/acme/ops/issues/1", "2026-01-31T09:00:04Z");
    const { address } = notification;
    await notification.stop();
    assert.equal((await deliver(event)).status, 503);
    notification = await start("notification", {
      CCSP_NOTIFICATION_LISTEN: address,
      CCSP_NOTIFICATION_FILE: join(folder, "notifications.jsonl"),
      CCSP_NOTIFICATION_CHANNELS: join(folder, "channels.yaml"),
    });
    await eventually(async () => assert.deepEqual(await deliver(event), { status: 202, outcome: "passed on" }), WAIT);
  });
});
