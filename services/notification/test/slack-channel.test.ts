import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { slackChannel } from "../src/channels/slack/index.js";
import type { Message } from "../src/domain/channel.js";
import { channelContext, testMessage } from "./channel-context.js";

describe("the Slack channel", () => {
  let http: Server;
  let dir: string;
  let file: string;
  let bodies: string[];
  let answer: { status: number; headers?: Record<string, string> };
  let close: () => Promise<void>;

  beforeEach(async () => {
    bodies = [];
    answer = { status: 200 };
    http = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(Buffer.from(chunk));
        bodies.push(Buffer.concat(chunks).toString());
        response.writeHead(answer.status, answer.headers).end("ok");
      })();
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    dir = await mkdtemp(join(tmpdir(), "ccsp-slack-"));
    file = join(dir, "url");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    await writeFile(file, `http://127.0.0.1:${(http.address() as AddressInfo).port}/services/T0/B0/s3cr3t\n`);
  });
  afterEach(async () => {
    await close();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    await rm(dir, { recursive: true });
  });
  const deliver = async (message: Message) => {
    const context = channelContext("slack");
    close = context.close;
    const channel = await slackChannel.open({ urlFile: file }, context);
    assert.doesNotMatch(channel.target, /s3cr3t/);
    await channel.deliver(message, AbortSignal.timeout(5_000));
  };

  it("posts the text, and says by a sign whether something began or ended", async () => {
    await deliver(testMessage());
    await close();
    await deliver(testMessage({ kind: "session.recovered", action: "resolves" }));
    const [first, second] = bodies.map((body) => JSON.parse(body));
    assert.match(first.text, /^🚨 The login of claude-code \(team\) ended/);
    assert.match(first.blocks[0].text.text, /\*What to do\*: Log in again/);
    assert.match(first.blocks[0].text.text, /<https:\/\/ccsp\.example\/d\/1\|dashboard>/);
    assert.match(second.text, /^✅/);
  });

  it("makes no mention and no link of what others wrote", async () => {
    const summary = "<!channel> <@U123> <https://evil.example|click> & more";
    await deliver(testMessage({ kind: "alert.firing", facts: { rule: "r", summary }, links: {} }));
    const { text, blocks } = JSON.parse(bodies[0] ?? "");
    assert.doesNotMatch(text + blocks[0].text.text, /<[!@h]/);
    assert.match(blocks[0].text.text, /&lt;!channel&gt;/);
  });

  it("keeps a long text whole: at most 3,000 characters as Slack counts them, no cut in an entity, and the links", async () => {
    const facts = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`fact-${at}`, "a&😀 ".repeat(255)]));
    await deliver(testMessage({ kind: "alert.firing", facts: { ...facts, rule: "r", summary: "&".repeat(1_024) } }));
    const { text } = JSON.parse(bodies[0] ?? "").blocks[0].text;
    assert.ok(text.length <= 3_000 && text.length > 1_500, `${text.length}`);
    assert.equal(text.replace(/&(?:amp|lt|gt);/g, "").includes("&"), false);
    assert.ok(text.endsWith("<https://ccsp.example/d/1|dashboard>"));
  });

  it("says how long Slack asks to wait", async () => {
    answer = { status: 429, headers: { "retry-after": "30" } };
    await assert.rejects(deliver(testMessage()), { kind: "limited", retryAfterMs: 30_000 });
  });
});
