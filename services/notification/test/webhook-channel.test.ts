import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { webhookChannel } from "../src/channels/webhook/index.js";
import type { Channel } from "../src/domain/channel.js";
import { channelContext, testMessage } from "./channel-context.js";

const SECRET = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;

interface Got {
  readonly headers: Record<string, string>;
  readonly body: string;
}

describe("the webhook channel", () => {
  let http: Server;
  let url: string;
  let dir: string;
  let channel: Channel;
  let close: () => Promise<void>;
  let got: Got[];
  let answer: { status: number; headers?: Record<string, string> };

  beforeEach(async () => {
    got = [];
    answer = { status: 204 };
    http = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(Buffer.from(chunk));
        got.push({ headers: textsOf(request.headers), body: Buffer.concat(chunks).toString() });
        response.writeHead(answer.status, answer.headers).end();
      })();
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/hook`;
    dir = await mkdtemp(join(tmpdir(), "ccsp-webhook-"));
    await writeFile(join(dir, "secret"), `${SECRET}\n`);
    const context = channelContext("hook");
    close = context.close;
    channel = await webhookChannel.open({ url, secretFile: join(dir, "secret") }, context);
  });
  afterEach(async () => {
    await close();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    await rm(dir, { recursive: true });
  });
  const deliver = (message = testMessage()) => channel.deliver(message, AbortSignal.timeout(5_000));

  /** A receiver as docs/notifications.md describes it: it verifies the signature and drops repeats by the id. */
  function receiver(secret = SECRET) {
    const webhook = new Webhook(secret);
    const seen = new Set<string>();
    return ({ headers, body }: Got): unknown => {
      const verified = webhook.verify(body, headers);
      const id = headers["webhook-id"] ?? "";
      if (seen.has(id)) return "repeat";
      seen.add(id);
      return verified;
    };
  }

  it("sends signed JSON that a receiver verifies, with one id for all attempts of a notice", async () => {
    await deliver();
    await deliver(testMessage({}, { attempt: 2 }));
    const accept = receiver();
    const [first, second] = got;
    assert.ok(first && second);
    const { type, data } = Object(accept(first));
    assert.deepEqual(
      [type, data.severity, data.dedupKey, data.facts],
      ["session.timeout", "critical", "session/claude-code/team", { failures: "3" }],
    );
    assert.match(data.title, /The login of claude-code \(team\) ended/);
    assert.equal(accept(second), "repeat");
  });

  it("is refused by the receiver when it was changed, is old, or was signed with another secret", async () => {
    await deliver();
    const [one] = got;
    assert.ok(one);
    const changed = { ...one, body: one.body.replace("critical", "info") };
    assert.throws(() => receiver()(changed), /No matching signature/);
    const otherId = { ...one, headers: { ...one.headers, "webhook-id": "other" } };
    assert.throws(() => receiver()(otherId), /No matching signature/);
    const other = `whsec_${Buffer.from("another secret of 32 characters!").toString("base64")}`;
    assert.throws(() => receiver(other)(one), /No matching signature/);
    // The window of a replay is five minutes.
    await close();
    const context = channelContext("hook", () => new Date(Date.now() - 6 * 60_000));
    close = context.close;
    channel = await webhookChannel.open({ url, secretFile: join(dir, "secret") }, context);
    await deliver();
    const old = got.at(-1);
    assert.ok(old);
    assert.throws(() => receiver()(old), /too old/);
  });

  it("says what an answer means: wait, try again, or a person has to mend it", async () => {
    const expected = [
      [
        { status: 429, headers: { "retry-after": "9" } },
        { kind: "limited", retryAfterMs: 9_000 },
      ],
      [
        { status: 429, headers: { "retry-after": "0" } },
        { kind: "limited", retryAfterMs: 0 },
      ],
      [
        { status: 429, headers: { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" } },
        { kind: "limited", retryAfterMs: 0 },
      ],
      [{ status: 503 }, { kind: "unavailable" }],
      [{ status: 404 }, { kind: "refused" }],
      [{ status: 422 }, { kind: "invalid" }],
    ] as const;
    for (const [given, failure] of expected) {
      answer = given;
      await assert.rejects(deliver(), failure);
    }
  });

  it("follows no redirect", async () => {
    answer = { status: 307, headers: { location: url } };
    await assert.rejects(deliver(), { kind: "refused", message: /a redirect, which is not followed/ });
    assert.equal(got.length, 1);
  });
});

const textsOf = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
