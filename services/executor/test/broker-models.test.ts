import assert from "node:assert/strict";
import { Agent } from "node:http";
import { buffer } from "node:stream/consumers";
import { eventually } from "@ccsp/testkit";
import { type Asking, brokerRig, COUNT, ignore, LOGIN, NOTHING, type Run, TOKEN } from "./broker-rig.js";

describe("a run whose task names its models", () => {
  const { urls, told, provider, open, send, begun, read, ask, refused } = brokerRig();
  /** What the provider got whole. */
  const bodies: string[] = [];
  beforeEach(() => {
    bodies.length = 0;
    provider.reply = async (asked, response) => {
      const body = await buffer(asked).catch(() => undefined);
      if (body === undefined) return;
      bodies.push(body.toString());
      response.end("answer");
    };
  });
  const opened = (url = urls.https) => open(url, {}, undefined, { mayAsk: (model) => /^(?:main|small)$/.test(model) });
  const answered = async (run: Run) => assert.equal((await ask(run, { body: '{"model":"main"}' })).status, 200);

  const long = "a".repeat(300_000);
  for (const [what, headers] of [
    ["a key", LOGIN],
    ["a login that can be renewed", { authorization: `Bearer ${TOKEN.placeholder}` }],
  ] as const)
    it(`asks these, and no other, wherever a request names it (with ${what})`, async () => {
      const run = await opened();
      await answered(run);
      const allowed = [
        '{"model":"main"}',
        '{"model":"m\\u0061in"}',
        ` { "tools" : [ { "model" : "small" } ] , "model" : "main", "messages": [{"content": [{"model": "other"}]}] } `,
        `{"messages":"${long}","model":"small"}`,
      ];
      bodies.length = 0;
      for (const body of allowed) for (const path of ["/v1/messages", COUNT]) await ask(run, { headers, body, path });
      assert.deepEqual(
        bodies,
        allowed.flatMap((body) => [body, body]),
      );
      for (const body of [
        '{"model":"other"}',
        '{"model":"other","model":"main"}',
        '{"model":"main","model":"other"}',
        '{"model":"main","mod\\u0065l":"other"}',
        "{}",
        '{"model":["other"]}',
        '{"model":"main","Model":"other"}',
        '{"model":"main","tools":[{"type":"advisor","model":"other"}]}',
        '{"model":"main","tools":[{"config":{"with":{"model":"other"}}}]}',
        '{"model":"main","fallbacks":[{"model":"small"},{"model":"other"}]}',
        `{"model":"main","messages":"${long}","model":"other"}`,
        Buffer.from('{"model":"main"}', "utf16le"),
      ]) {
        for (const path of ["/v1/messages", COUNT])
          await refused(run, { headers, body, path }, String(body).slice(0, 80));
      }
      for (const other of [
        { "content-encoding": "br" },
        { "content-type": "application/x-www-form-urlencoded" },
        { "content-type": "application/json; charset=utf-7" },
      ])
        await refused(run, { headers: { ...headers, ...other }, body: '{"model":"main"}' }, JSON.stringify(other));
      const json = { "content-type": "application/json; charset=utf-8" };
      assert.equal((await ask(run, { headers: { ...headers, ...json }, body: '{"model":"main"}' })).status, 200);
      assert.equal(bodies.length, 9);
    });

  it("has its connection as before after a refusal, also where the request told no length", async () => {
    const run = await opened(urls.http);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await answered(run);
    const chunked = { ...LOGIN, "transfer-encoding": "chunked" };
    const asking: Asking = { agent, headers: chunked, body: `{"messages":"${long}","model":"other","more":"${long}"}` };
    const first = await begun(run, asking);
    assert.equal((await read(first)).status, 403);
    const second = await begun(run, { ...asking, body: '{"model":"main"}' });
    assert.equal((await read(second)).status, 200);
    assert.equal(second.socket, first.socket);
    agent.destroy();
  });

  it("has its connection as before when an answer comes before its request was read", async () => {
    const run = await opened(urls.http);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    provider.reply = (_asked, response) => response.writeHead(413).end("too large");
    const body = JSON.stringify({ model: "main", messages: "a".repeat(8 * 1024 ** 2) });
    const first = await begun(run, { agent, body });
    assert.equal((await read(first)).status, 413);
    const second = await begun(run, { agent, body: '{"model":"main"}' });
    assert.equal((await read(second)).status, 413);
    assert.equal(second.socket, first.socket);
    agent.destroy();
  });

  it("asks what its engine asked for before the first answer, when no tool could ask", async () => {
    const run = await opened();
    const accept = provider.reply;
    provider.reply = (asked, response) => void asked.resume().on("end", () => response.writeHead(529).end());
    assert.equal((await ask(run, { body: '{"model":"of the engine"}' })).status, 529);
    provider.reply = accept;
    assert.equal((await ask(run, { body: '{"model":"next"}' })).status, 200);
    await refused(run, { body: '{"model":"other"}' }, "other");
    for (const model of ["of the engine", "next"]) await ask(run, { body: JSON.stringify({ model }) });
    assert.equal(bodies.length, 3);
  });

  it("is told to the observer with the status of the refusal", async () => {
    const run = await opened();
    await answered(run);
    await refused(run, { body: '{"model":"other"}' }, "other");
    await eventually(() => assert.deepEqual(told.at(-1), { status: 403, answer: NOTHING }));
  });

  it("goes away in the middle of a request: the provider sees it, and has no more than before", async () => {
    const run = await opened(urls.http);
    const over = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    provider.reply = (asked, response) => {
      response.once("close", () => over.resolve());
      asked.once("data", () => arrived.resolve()).on("error", ignore);
    };
    const sent = await send(run, { headers: { ...LOGIN, "content-length": "999" }, body: '{"model":"main"' });
    await arrived.promise;
    sent.destroy();
    await over.promise;
    await eventually(() => assert.deepEqual(told.at(-1), { status: undefined, answer: NOTHING }));
  });
});
