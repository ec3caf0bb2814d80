import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type IssueServerFault as Fault, type IssueServer, startIssueServer } from "@ccsp/testkit";
import { githubChannel } from "../src/channels/github/index.js";
import type { Channel, Message } from "../src/domain/channel.js";
import { channelContext, testMessage } from "./channel-context.js";

describe("the GitHub channel", () => {
  let server: IssueServer;
  let dir: string;
  let channel: Channel;
  let close: () => Promise<void>;

  const open = (more: Record<string, unknown> = {}): Promise<Channel> => {
    const context = channelContext("issues");
    close = context.close;
    const settings = { repository: "acme/ops", baseUrl: server.url, tokenFile: join(dir, "token"), throttle: false };
    return githubChannel.open({ ...settings, ...more }, context);
  };
  /** An attempt of the service may take as long. */
  const deliver = async (message: Message): Promise<string | undefined> => {
    const { ref } = (await channel.deliver(message, AbortSignal.timeout(15_000))) ?? {};
    return ref;
  };
  /** Answers the first request of this kind with a fault. */
  const failOnce = (method: string, path: RegExp, fault: Fault): void => {
    let left = 1;
    server.script = (asked) => (asked.method === method && path.test(asked.path) && left-- > 0 ? fault : undefined);
  };
  const texts = (number: number) => (server.comments.get(number) ?? []).map(({ body }) => body ?? "");
  const writes = () =>
    server.asked.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);

  beforeEach(async () => {
    server = await startIssueServer();
    dir = await mkdtemp(join(tmpdir(), "ccsp-github-"));
    await writeFile(join(dir, "token"), "t0ken\n");
    channel = await open({ labels: ["night"], titlePrefix: "[prod] " });
  });
  afterEach(async () => {
    await close();
    await server.close();
    assert.deepEqual(server.faults, [], "the requests have only documented fields");
    await rm(dir, { recursive: true });
  });

  const begin = () => testMessage({ labels: ["session-timeout", "team=a"] });
  const change = (id: string, given: Parameters<typeof testMessage>[0] = {}, ref?: string) =>
    testMessage({ id, kind: "session.recovered", action: "updates", ...given }, { id, ref });

  it("opens an issue, comments on changes, closes it at the end, and reopens it when the incident begins again", async () => {
    const ref = await deliver(begin());
    assert.equal(ref, "1");
    const [issue] = server.issues;
    assert.match(issue?.title ?? "", /^\[prod\] The login of claude-code \(team\) ended/);
    assert.match(issue?.body ?? "", /\*\*What to do\*\*: Log in again/);
    assert.deepEqual(
      issue?.labels.map((label) => (typeof label === "string" ? label : label.name)),
      ["ccsp", "night", "session-timeout"],
    );
    await deliver(change("u1", {}, ref));
    await deliver(change("end", { action: "resolves" }, ref));
    assert.deepEqual([issue?.state, texts(1).length], ["closed", 2]);
    await deliver(testMessage({ id: "again" }, { id: "again", ref }));
    assert.deepEqual([issue?.state, texts(1).length, server.issues.length], ["open", 3, 1]);
  });

  it("sets the state that an update asks for", async () => {
    const ref = await deliver(begin());
    server.setState(1, "closed", "ann");
    await deliver(change("u1", { issueState: "open" }, ref));
    assert.equal(server.issues[0]?.state, "open");
    await deliver(change("u2", { issueState: "closed" }, ref));
    assert.deepEqual([server.issues[0]?.state, texts(1).length], ["closed", 2]);
  });

  it("finds its own open issue instead of making a second one, also in a new process", async () => {
    await deliver(begin());
    await close();
    channel = await open();
    assert.equal(await deliver(testMessage({ id: "later" }, { id: "later" })), "1");
    assert.deepEqual([server.issues.length, texts(1).length], [1, 1]);
    // A person has closed it, and the monitor's key is new: another incident has its own issue.
    assert.equal(await deliver(testMessage({ id: "x", dedupKey: "other" }, { id: "x" })), "2");
  });

  for (const fault of ["cut before", "cut after", { status: 502 }] as const) {
    const name = typeof fault === "string" ? fault : fault.status;
    it(`writes once when a request fails (${name}) and the message comes again`, async () => {
      failOnce("POST", /issues$/, fault);
      await assert.rejects(deliver(begin()), { kind: "unavailable" });
      const ref = await deliver(begin());
      failOnce("POST", /comments$/, fault);
      await assert.rejects(deliver(change("u1", {}, ref)), { kind: "unavailable" });
      await deliver(change("u1", {}, ref));
      assert.deepEqual([ref, server.issues.length, texts(1).length], ["1", 1, 1]);
    });
  }

  it("finds an issue whose labels GitHub has left out, and says that they are missing", async () => {
    server.mayLabel = false;
    failOnce("POST", /issues$/, "cut after");
    await assert.rejects(deliver(begin()), { kind: "unavailable" });
    assert.equal(await deliver({ ...begin(), attempt: 2 }), "1");
    const other = testMessage({ id: "other", dedupKey: "other" }, { id: "other" });
    const { ref, missed } = (await channel.deliver(other, AbortSignal.timeout(15_000))) ?? {};
    assert.deepEqual([ref, server.issues.length], ["2", 2]);
    assert.match(missed ?? "", /^GitHub has left out the labels ccsp, night: the token needs /);
  });

  it("reads on where it had to stop, so that any number of open issues is read in the end", async () => {
    await deliver(begin());
    const [one] = server.issues;
    if (one === undefined) throw new Error("no issue");
    for (let at = 2; at <= 1_000; at += 1) {
      const time = new Date(Date.UTC(2020, 0, 1, 0, at)).toISOString();
      server.issues.push({ ...one, number: at, body: "", created_at: time, updated_at: time });
    }
    await close();
    channel = await open();
    let lists = 0;
    const limit = { status: 403, headers: { "retry-after": "1" }, message: "secondary rate limit" };
    server.script = ({ method, path }) =>
      method === "GET" && path.endsWith("/issues") && ++lists % 4 === 0 ? limit : undefined;
    const later = testMessage({ id: "later" }, { id: "later" });
    let tries = 1;
    for (; tries < 8 && (await deliver(later).catch(() => undefined)) === undefined; tries += 1);
    assert.deepEqual([tries, server.issues.length, texts(1).length], [4, 1_000, 1]);
  });

  it("leaves an issue as a person has changed it between a delivery and the record of it", async () => {
    const closed = async (message: Message): Promise<void> => {
      await deliver(message);
      server.setState(1, "closed", "ann");
      await close();
      channel = await open();
      assert.equal(await deliver(message), "1");
      assert.deepEqual([server.issues.length, server.issues[0]?.state], [1, "closed"]);
    };
    await closed(begin());
    await closed(change("u1", { issueState: "open" }, "1"));
    assert.equal(texts(1).length, 1);
  });

  it("says how long GitHub asks to wait, and what a person has to mend", async () => {
    const secondary = {
      status: 403,
      headers: { "retry-after": "7" },
      message: "You have exceeded a secondary rate limit",
    };
    const cases: [Fault, { kind: string; retryAfterMs?: number }][] = [
      [secondary, { kind: "limited", retryAfterMs: 7_000 }],
      [{ status: 429 }, { kind: "limited", retryAfterMs: 60_000 }],
      [{ status: 403, message: "Resource not accessible" }, { kind: "refused" }],
      [{ status: 401 }, { kind: "refused" }],
    ];
    for (const [fault, expected] of cases) {
      failOnce("POST", /issues$/, fault);
      await assert.rejects(deliver(begin()), expected);
    }
    const reset = String(Math.floor(Date.now() / 1_000) + 100);
    const primary = { status: 403, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset } };
    failOnce("POST", /issues$/, primary);
    await assert.rejects(deliver(begin()), ({ kind, retryAfterMs }: { kind: string; retryAfterMs: number }) => {
      assert.equal(kind, "limited");
      return retryAfterMs > 90_000 && retryAfterMs <= 100_000;
    });
    assert.equal(server.issues.length, 0);
  });

  it("opens another issue when its own was moved to another repository, and takes no redirect for a success", async () => {
    const ref = await deliver(begin());
    const moved = { status: 301, headers: { location: `${server.url}/repositories/2/issues/9` }, message: "Moved" };
    server.setState(1, "closed", "ann");
    server.script = ({ path }) => (/issues\/1$/.test(path) ? moved : undefined);
    assert.equal(await deliver(testMessage({ id: "later" }, { id: "later", ref })), "2");
    await assert.rejects(channel.issues?.read("1", undefined, AbortSignal.timeout(10_000)) ?? Promise.resolve(), {
      kind: "refused",
      message: /GitHub answered 301: a redirect, which is not followed/,
    });
    // The repository has another name.
    server.script = () => moved;
    await assert.rejects(deliver(change("u1", {}, "2")), { kind: "refused" });
    failOnce("POST", /comments$/, { ...moved, status: 307 });
    await assert.rejects(deliver(change("u1", {}, "2")), { kind: "refused" });
    await deliver(change("u1", {}, "2"));
    assert.deepEqual([server.issues.length, texts(2).length], [2, 1]);
  });

  it("does not show the token, and uses a new one without a restart", async () => {
    await writeFile(join(dir, "token"), "wrong");
    await assert.rejects(deliver(begin()), (error: Error) => {
      assert.doesNotMatch(`${error.message} ${String(error.cause)} ${channel.target}`, /wrong|t0ken/);
      return true;
    });
    await writeFile(join(dir, "token"), "t0ken");
    assert.equal(await deliver(begin()), "1");
  });

  it("makes no mention, link, reference or markup of what others wrote", async () => {
    const evil = "@octocat #1 GH-1 acme/x#2 https://evil.example <img src=x> [a](b) `c` ![d](e) | --> <!-- ccsp";
    await deliver(testMessage({ kind: "alert.firing", facts: { rule: "r", summary: evil }, dedupKey: "evil" }));
    const body = server.issues[0]?.body ?? "";
    assert.doesNotMatch(
      body,
      /@octocat|(?<!\\)#1|#2|GH-1|https:\/\/evil|(?<!\\)<img|(?<!\\)\]\(b|(?<!\\)`c|(?<!\\)--> /,
    );
    assert.equal(body.match(/<!--/g)?.length, 2, "only our own markers");
  });

  it("reads the state of an issue, and asks only for changes", async () => {
    const ref = (await deliver(begin())) ?? "";
    const { signal } = new AbortController();
    const first = await channel.issues?.read(ref, undefined, signal);
    assert.deepEqual([first?.status.state, first?.status.url], ["open", "https://github.com/acme/ops/issues/1"]);
    assert.equal(await channel.issues?.read(ref, first, signal), first, "304: it is what was known");
    server.setState(1, "closed", "ann");
    const closed = await channel.issues?.read(ref, first, signal);
    assert.deepEqual([closed?.status.state, closed?.status.who], ["closed", "ann"]);
    server.setState(1, "open", "bob");
    const reopened = await channel.issues?.read(ref, closed, signal);
    const [created] = server.issues;
    assert.deepEqual([reopened?.status.state, reopened?.status.who], ["open", "bob"]);
    assert.equal(reopened?.status.changeTime?.toISOString(), created && new Date(created.updated_at).toISOString());
    assert.equal(server.asked.filter(({ headers }) => headers["if-none-match"] !== undefined).length, 3);
    assert.deepEqual(writes(), ["POST /repos/acme/ops/issues"]);
  });

  it("writes as an app that is installed in the repository, with one token until GitHub takes it back", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const pem = String(publicKey.export({ type: "spki", format: "pem" }));
    server.app = { appId: 7, installationId: 42, publicKey: pem };
    const privateKeyFile = join(dir, "app.pem");
    await writeFile(privateKeyFile, String(privateKey.export({ type: "pkcs1", format: "pem" })));
    const app = { appId: 7, installationId: 42, privateKeyFile };
    await close();
    channel = await open({ tokenFile: undefined, app });
    const ref = await deliver(begin());
    await deliver(change("u1", {}, ref));
    assert.deepEqual([ref, texts(1).length], ["1", 1]);
    const tokens = () => writes().filter((each) => each === "POST /app/installations/42/access_tokens").length;
    assert.equal(tokens(), 1);

    server.endTokens();
    await assert.rejects(deliver(change("u2", {}, ref)), { kind: "refused" });
    await deliver(change("u2", {}, ref));
    assert.deepEqual([texts(1).length, tokens()], [2, 2]);

    server.app = { ...server.app, appId: 8 };
    await close();
    channel = await open({ tokenFile: undefined, app });
    await assert.rejects(deliver(change("u3", {}, ref)), (error: Error & { kind?: string }) => {
      assert.equal(error.kind, "refused");
      assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /PRIVATE KEY|eyJ|ghs_/);
      return true;
    });
  });

  it("keeps to GitHub's spacing of writes, and leaves the wait for a limit to the queue", async function () {
    this.timeout(60_000);
    await close();
    channel = await open({ throttle: true });
    const ref = await deliver(begin());
    await deliver(change("u1", {}, ref));
    await deliver(change("end", { action: "resolves" }, ref));
    assert.deepEqual([server.issues[0]?.state, texts(1).length], ["closed", 2]);
    for (const status of [403, 429]) {
      const limit = { status, headers: { "retry-after": "4" }, message: "You have exceeded a secondary rate limit" };
      failOnce("POST", /comments$/, limit);
      const before = writes().length;
      const message = change(`limited-${status}`, {}, ref);
      await assert.rejects(deliver(message), { kind: "limited", retryAfterMs: 4_000 });
      assert.equal(writes().length - before, 1, "it was asked once");
      await deliver(message);
    }
    assert.equal(texts(1).length, 4);
  });
});
