import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer } from "node:http";
import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Provider } from "@ccsp/engine-kit";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { openBroker } from "../src/broker/open.js";
import { brokerRig, COUNT, ignore, KEY, LOGIN, NOTHING, SETTINGS, TOKEN } from "./broker-rig.js";

const MIB = 1024 ** 2;

const event = (type: string, more: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
/** It costs 0.018 dollars of claude-sonnet-4-5. */
const stream = (model: string) => [
  event("message_start", { message: { type: "message", model, usage: { input_tokens: 1000, output_tokens: 1 } } }),
  event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "é🧵" } }),
  event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1000 } }),
  event("message_stop"),
];
const USED = { inputTokens: 1000, outputTokens: 1000, cacheReadTokens: 0, cacheCreationTokens: 0 };
const SSE = { "content-type": "text/event-stream; charset=utf-8" };

const errorOf = (body: Buffer): unknown => JSON.parse(body.toString());

describe("the broker", () => {
  const { urls, seen, held, told, said, observer, provider, listen, open, tunnel, send, begun, read, ask, refused } =
    brokerRig();

  for (const scheme of ["https", "http"] as const) {
    it(`puts the login in place of its placeholder, and tells the run nothing of it (${scheme})`, async () => {
      const run = await open(urls[scheme]);
      const logins = [LOGIN, { authorization: `Bearer ${TOKEN.placeholder}` }];
      for (const headers of [...logins, { ...logins[0], ...logins[1] }]) {
        const { status, body, headers: got } = await ask(run, { path: "/v1/messages?beta=true", headers });
        assert.deepEqual([status, body.toString()], [200, "answer"]);
        assert.doesNotMatch(JSON.stringify(got), /secret/);
      }
      const both = [KEY.secret, `Bearer ${TOKEN.secret}`];
      assert.deepEqual(
        seen.map(({ line, headers }) => [line, headers["x-api-key"], headers.authorization]),
        [[both[0], undefined], [undefined, both[1]], both].map((login) => ["POST /v1/messages?beta=true", ...login]),
      );
      assert.ok(seen.every(({ headers }) => headers.host === new URL(run.url).host));
      assert.doesNotMatch(JSON.stringify(seen), /placeholder/);
    });
  }

  it("refuses all that is no message, no count and no settings, and the provider sees nothing of it", async () => {
    const run = await open();
    const posts = [
      "/v1/files",
      "/v1/messages/batches",
      "/v1/messages/",
      "/",
      "//localhost/v1/messages",
      "/v1//messages",
    ];
    const hidden = ["/v1/x/../files", "/v1/messages/../files", "/v1/%6dessages", "/v1/messages%2f..%2ffiles"];
    const foreign = ["https://other.test/v1/messages", "http://localhost/v1/messages", "/\\other.test/v1/messages"];
    const { host } = new URL(run.url);
    for (const path of [...posts, ...hidden, ...foreign, `//${host}/v1/messages`, `http://${host}/v1/messages`])
      await refused(run, { path }, path);
    for (const path of ["/v1/messages", "/v1/models", "/v1/files", COUNT])
      await refused(run, { method: "GET", path }, path);
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) await refused(run, { method }, method);
    assert.equal((await begun(run, { method: "HEAD" })).statusCode, 403);
    assert.deepEqual(seen, []);
    assert.equal((await ask(run, { path: "/v1/x/../messages" })).status, 200);
    assert.deepEqual(
      seen.map(({ line }) => line),
      ["POST /v1/messages"],
    );
  });

  it("refuses a login of the run's own, another scheme and none, and the provider sees nothing of it", async () => {
    const run = await open();
    const bearer = `Bearer ${TOKEN.placeholder}`;
    const both = Buffer.from(`${KEY.placeholder}:`).toString("base64");
    for (const headers of [
      {},
      { "x-api-key": "sk-own" },
      { "x-api-key": "" },
      { "x-api-key": `${KEY.placeholder}, sk-own` },
      { authorization: "Bearer own" },
      { "x-api-key": "sk-own", authorization: bearer },
      { ...LOGIN, authorization: "Bearer own" },
      { ...LOGIN, authorization: `Basic ${both}` },
      { authorization: TOKEN.placeholder },
      { authorization: `${bearer} ${TOKEN.placeholder}` },
    ])
      await refused(run, { headers }, JSON.stringify(headers));
    await refused(run, { method: "GET", path: SETTINGS, headers: {} }, "settings");
    assert.deepEqual(seen, []);
  });

  it("does not wait at the end of a run for a login that does not come", async () => {
    const asked = Promise.withResolvers<void>();
    held.key = async () => {
      asked.resolve();
      return await new Promise<string>(() => {});
    };
    const run = await open(urls.https);
    const answer = assert.rejects(ask(run), /ECONNRESET|socket hang up/);
    await asked.promise;
    await run.brokered.close();
    await answer;
  });

  it("asks for the login at each request, and breaks off a request for which there is none", async () => {
    const run = await open();
    for (const secret of ["sk-first", "sk-second", "sk-second"]) {
      held.key = async () => secret;
      assert.equal((await ask(run)).status, 200);
    }
    held.key = async () => await Promise.reject(new Error("no login"));
    await assert.rejects(begun(run), /hang up|ECONNRESET/);
    const keys = seen.map(({ headers }) => headers["x-api-key"]);
    assert.deepEqual(keys, ["sk-first", "sk-second", "sk-second"]);
  });

  it("asks the provider only for codings that it can count", async () => {
    const run = await open();
    for (const asked of ["gzip, x-own, br;q=0.5", "compress", "x-gzip, br;q=0", undefined])
      await ask(run, { headers: { ...LOGIN, ...(asked && { "accept-encoding": asked }) } });
    const sent = seen.map(({ headers }) => headers["accept-encoding"]);
    assert.deepEqual(sent, ["gzip, br", "identity", "identity", "identity"]);
  });

  it("passes requests on where the file of more certificates is empty or cannot be read, as Node does", async () => {
    for (const file of ["", "/no/such/file"]) {
      assert.equal((await ask(await open(urls.http, { NODE_EXTRA_CA_CERTS: file }))).status, 200);
    }
  });

  it("passes only settings until the run begins, and then messages", async () => {
    const run = await open(urls.https, {}, null);
    assert.equal((await ask(run, { method: "GET", path: SETTINGS })).status, 200);
    await refused(run, {}, "message");
    await refused(run, { path: COUNT }, "count");
    assert.deepEqual(
      seen.map(({ line }) => line),
      [`GET ${SETTINGS}`],
    );
    run.brokered.begin({ traceparent: "", budgetUsd: undefined });
    for (const path of ["/v1/messages", COUNT]) assert.equal((await ask(run, { path })).status, 200);
    assert.equal(seen.length, 3);
  });

  for (const encoding of ["identity", "gzip"]) {
    it(`passes each piece of a stream at once, and changes no byte (${encoding})`, async () => {
      const pieces = stream("m").map((piece) => (encoding === "gzip" ? gzipSync(piece) : Buffer.from(piece)));
      let next: (() => void) | undefined;
      provider.reply = (_asked, response) => {
        const left = [...pieces];
        next = () => (left.length > 0 ? void response.write(left.shift()) : void response.end());
        response.writeHead(200, { ...SSE, "content-encoding": encoding }).flushHeaders();
      };
      const answer = await begun(await open());
      assert.deepEqual(
        [answer.headers["content-encoding"], answer.headers["content-type"]],
        [encoding, SSE["content-type"]],
      );
      let got = Buffer.alloc(0);
      answer.on("data", (chunk: Buffer) => (got = Buffer.concat([got, chunk])));
      for (let n = 1; n <= pieces.length; n++) {
        next?.();
        // The provider holds the next piece back until this one has come.
        await eventually(() => assert.deepEqual(got, Buffer.concat(pieces.slice(0, n))));
      }
      next?.();
      await once(answer, "end");
      assert.deepEqual(got, Buffer.concat(pieces));
    });
  }

  it("gives each of 40 runs at once its own answer, byte for byte", async () => {
    const bodyOf = (name: string) => Buffer.alloc(200_000, `${name}-é\0`);
    provider.reply = async (asked, response) => {
      const body = bodyOf(String((await read(asked)).body));
      for (let at = 0; at < body.length; at += 7001) {
        response.write(body.subarray(at, at + 7001));
        await turn();
      }
      response.end();
    };
    const opened = await Promise.all(Array.from({ length: 40 }, (_, n) => open(n % 2 ? urls.https : urls.http)));
    const answers = await Promise.all(opened.map((run, n) => ask(run, { body: `run ${n}` })));
    for (const [n, { body }] of answers.entries()) assert.ok(body.equals(bodyOf(`run ${n}`)), `${n}`);
  });

  it("takes no more from the provider than a slow reader takes from it", async () => {
    const total = 48 * MIB;
    const written: number[] = [];
    provider.reply = async (_asked, response) => {
      const one = written.push(0) - 1;
      const chunk = Buffer.alloc(64 * 1024, 7);
      for (let sum = 0; sum < total && !response.destroyed; written[one] = sum += chunk.length)
        if (!response.write(chunk)) await once(response, "drain").catch(ignore);
      response.end();
    };
    const slow = await begun(await open());
    // The slow one began before and had as much time.
    assert.equal((await ask(await open())).body.length, total);
    assert.ok((written[0] ?? total) < 16 * MIB, `${written[0]}`);
    assert.equal((await read(slow)).body.length, total);
  });

  it("passes on errors of the provider as they are, with their limits and the time to wait", async () => {
    const run = await open();
    for (const status of [429, 529, 400]) {
      const limits = {
        "retry-after": "17",
        "anthropic-ratelimit-requests-remaining": "0",
        "request-id": `req ${status}`,
      };
      const error = `{"type":"error", "error":{"type":"some_error","message":"é ${status}"}}`;
      provider.reply = (_asked, response) =>
        response.writeHead(status, { ...limits, "content-type": "application/json" }).end(error);
      const { headers, ...answer } = await ask(run);
      assert.deepEqual(answer, { status, body: Buffer.from(error) });
      assert.deepEqual(
        { ...headers, ...limits, "x-should-retry": undefined },
        { ...headers, "x-should-retry": undefined },
      );
    }
  });

  it("cuts an answer that the provider cuts, and one that never began", async () => {
    const run = await open();
    let cut = ignore;
    provider.reply = (_asked, response) => {
      response.write("half");
      cut = () => void response.socket?.destroy();
    };
    const answer = await begun(run);
    cut();
    await assert.rejects(read(answer), /aborted|ECONNRESET/);
    provider.reply = (_asked, response) => void response.socket?.destroy();
    await assert.rejects(begun(run), /hang up|ECONNRESET/);
  });

  it("ends the request at the provider when the run goes away, before and in the answer", async () => {
    for (const piece of [undefined, "half"]) {
      const over = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      provider.reply = (_asked, response) => {
        if (piece !== undefined) response.write(piece);
        response.once("close", over.resolve);
        reached.resolve();
      };
      const sent = await send(await open());
      await reached.promise;
      if (piece !== undefined) await once(sent, "response");
      sent.destroy();
      await over.promise;
    }
  });

  for (const scheme of ["https", "http"] as const) {
    it(`passes on an answer that comes before a large request was read (${scheme})`, async () => {
      const run = await open(urls[scheme]);
      provider.reply = (_asked, response) => response.writeHead(413).end("too large");
      for (let n = 0; n < 5; n++) {
        const { status, body } = await ask(run, { body: Buffer.alloc(8 * MIB) });
        assert.deepEqual([status, body.toString()], [413, "too large"]);
      }
    });
  }

  it("does not wait at the close of a run for the rest of a request", async () => {
    provider.reply = (_asked, response) => response.writeHead(413).end("too large");
    const run = await open(urls.http);
    const socket = connect(run.path).on("error", ignore);
    const { host } = new URL(run.url);
    const head = `POST ${run.url}/v1/messages HTTP/1.1\r\nhost: ${host}\r\nx-api-key: ${KEY.placeholder}\r\n`;
    socket.write(`${head}content-length: 9\r\n\r\n{`);
    assert.match(String(await once(socket, "data")), / 413 /);
    await run.brokered.close();
    socket.destroy();
  });

  it("refuses the 65th request of a run at once, and passes one more when the others have ended", async () => {
    const [run, other] = [await open(), await open()];
    const gate = Promise.withResolvers<void>();
    provider.reply = (_asked, response) => void gate.promise.then(() => response.end("held"));
    const held = Array.from({ length: 64 }, () => ask(run));
    await eventually(() => assert.equal(seen.length, 64));
    await refused(run, {}, "the 65th");
    const others = ask(other);
    await eventually(() => assert.equal(seen.length, 65));
    gate.resolve();
    for (const { status } of await Promise.all([...held, others])) assert.equal(status, 200);
    assert.equal((await ask(run)).status, 200);
  });

  it("ends at the close of a run what is open of it, and nothing of another run", async () => {
    const gate = Promise.withResolvers<void>();
    let ended = 0;
    provider.reply = (_asked, response) => {
      response.write("begun");
      response.once("close", () => (ended += response.writableFinished ? 0 : 1));
      void gate.promise.then(() => response.end());
    };
    const over = [await open(urls.https), await open(urls.http)];
    const answers = await Promise.all(over.map((run) => begun(run)));
    const other = await begun(await open());
    const [first] = over;
    assert.ok(first);
    const idle = await tunnel(first);
    const silent = connect(first.path);
    silent.write(`CONNECT ${new URL(first.url).host} HTTP/1.1\r\n\r\n`);
    await once(silent, "data");
    const closed = [idle, silent].map((socket) => once(socket, "close"));
    for (const { brokered } of over) await brokered.close();
    for (const answer of answers) await assert.rejects(read(answer), /aborted|ECONNRESET/);
    await Promise.all(closed);
    await eventually(() => assert.equal(ended, 2));
    gate.resolve();
    assert.equal((await read(other)).body.toString(), "begun");
    assert.equal(ended, 2);
  });

  describe("with a budget", () => {
    const answerAs = (model: string) => {
      const zipped = gzipSync(stream(model).join(""));
      provider.reply = (_asked, response) =>
        response.writeHead(200, { ...SSE, "content-encoding": "gzip" }).end(zipped);
    };

    it("refuses the message after the one that passed the bound, and tells what was used", async () => {
      answerAs("claude-sonnet-4-5");
      const run = await open(urls.https, {}, 0.02);
      for (let n = 0; n < 2; n++) assert.equal((await ask(run)).status, 200);
      const { status, headers, body } = await ask(run);
      assert.deepEqual([status, headers["x-should-retry"]], [402, "false"]);
      assert.deepEqual(errorOf(body), {
        ...{ type: "error", error: { type: "billing_error", message: "CCSP: the run has used its budget" } },
      });
      assert.equal(seen.length, 2);
      assert.equal((await ask(run, { path: COUNT })).status, 200);
      const usage = { ...USED, inputTokens: 2000, outputTokens: 2000 };
      const used = { usage, costUsd: 0.036, model: "claude-sonnet-4-5", retryAtMs: undefined };
      assert.deepEqual(await run.brokered.close(), { ...used, overBudget: "the run has used its budget" });
      assert.equal((await ask(await open(urls.https, {}, 0.02))).status, 200);
    });

    it("refuses the next message while a shared budget holds the run, names it, and refuses all after that", async () => {
      answerAs("claude-sonnet-4-5");
      const run = await open(urls.https, {});
      assert.equal((await ask(run)).status, 200);
      await eventually(() => assert.equal(run.brokered.use.costUsd, 0.018));
      run.brokered.hold("budget b is used up");
      run.brokered.hold(undefined);
      assert.equal((await ask(run)).status, 200);
      run.brokered.hold("budget b is used up");
      const { status, body } = await ask(run);
      assert.equal(status, 402);
      assert.match(body.toString(), /CCSP: budget b is used up/);
      run.brokered.hold(undefined);
      assert.equal((await ask(run)).status, 402);
      assert.partialDeepStrictEqual(await run.brokered.close(), { costUsd: 0.036, overBudget: "budget b is used up" });
    });

    it("counts the text of an answer that the run breaks off", async () => {
      const text = { type: "text_delta", text: "word".repeat(1_000) };
      provider.reply = (_asked, response) =>
        response
          .writeHead(200, SSE)
          .write(stream("claude-sonnet-4-5")[0] + event("content_block_delta", { index: 0, delta: text }));
      const run = await open(urls.https, {}, 0.01);
      const answer = await begun(run);
      await eventually(() => assert.equal(told.at(-1), "first token"));
      answer.destroy();
      await eventually(() => assert.equal(told.length, 3));
      assert.equal((await ask(run)).status, 402);
    });

    it("counts what is under way when the run ends", async () => {
      const [start = ""] = stream("claude-sonnet-4-5");
      provider.reply = (_asked, response) => response.writeHead(200, SSE).write(start);
      const run = await open();
      const answer = await begun(run);
      answer.once("error", ignore).resume();
      await eventually(() => assert.equal(seen.length, 1));
      assert.deepEqual((await run.brokered.close()).usage, { ...USED, outputTokens: 1 });
    });

    it("counts an answer before a message that comes right after its last byte", async () => {
      answerAs("claude-sonnet-4-5-20250929");
      for (let n = 0; n < 30; n++) {
        const run = await open(n % 2 ? urls.https : urls.http, {}, 0.018);
        const answer = await begun(run);
        const second = answer.resume() && once(answer, "end").then(() => ask(run));
        assert.equal((await second).status, 402);
      }
      assert.equal(seen.length, 30);
    });

    it("counts an answer that the run has whole, although the broker's own end of it is still to come", async () => {
      const body = gzipSync(stream("claude-sonnet-4-5").join(""));
      const headers = { ...SSE, "content-encoding": "gzip", "content-length": body.length };
      provider.reply = (_asked, response) => response.writeHead(200, headers).end(body);
      const run = await open(urls.http, {}, 0.018);
      const answer = run.brokered.answer.bind(run.brokered);
      const held: (() => void)[] = [];
      run.brokered.answer = (asked, response) => {
        const end = response.end.bind(response);
        if (held.length === 0)
          response.end = () => {
            held.push(end);
            return response;
          };
        answer(asked, response);
      };
      const agent = new Agent({ keepAlive: true });
      assert.deepEqual((await ask(run, { agent })).body, body);
      await eventually(() => assert.equal(held.length, 1));
      assert.equal((await ask(run)).status, 402);
      held[0]?.();
      agent.destroy();
    });

    it("has no bound for a model without a price", async () => {
      answerAs("gpt-9");
      const run = await open(urls.https, {}, 0.000_001);
      for (let n = 0; n < 3; n++) assert.equal((await ask(run)).status, 200);
      const used = { usage: { ...USED, inputTokens: 3000, outputTokens: 3000 }, costUsd: undefined };
      assert.partialDeepStrictEqual(await run.brokered.close(), { ...used, overBudget: undefined });
    });
  });

  describe("behind the proxy of the operator", () => {
    const login = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
    const asked: string[] = [];
    let proxy: string;

    before(async () => {
      const outer = createServer((one, response) => {
        asked.push([one.method, one.url, one.headers["proxy-authorization"], one.headers["x-api-key"]].join(" "));
        one.resume().on("end", () => response.end("outer"));
      });
      outer.on("connect", (one, socket) => {
        asked.push(`CONNECT ${one.url} ${one.headers["proxy-authorization"]}`);
        const inner = connect(Number(one.url?.split(":")[1]), "127.0.0.1");
        socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        socket.on("error", ignore).pipe(inner.on("error", ignore)).pipe(socket);
      });
      proxy = `http://user:p%40ss@127.0.0.1:${await listen(outer)}`;
    });
    beforeEach(() => void asked.splice(0));

    for (const name of ["HTTPS_PROXY", "HTTP_PROXY"]) {
      it(`goes through ${name} with its password: a tunnel for TLS, whole URLs without`, async () => {
        const secure = await ask(await open(urls.https, { [name]: proxy }));
        assert.deepEqual([secure.status, secure.body.toString()], [200, "answer"]);
        assert.equal(seen[0]?.headers["x-api-key"], KEY.secret);
        assert.equal(seen[0]?.headers["proxy-authorization"], undefined);
        const plain = await ask(await open(urls.http, { [name]: proxy }), { path: "/v1/messages?a=b" });
        assert.deepEqual([plain.status, plain.body.toString()], [200, "outer"]);
        const whole = `POST ${urls.http}/v1/messages?a=b ${login} ${KEY.secret}`;
        assert.deepEqual(asked, [`CONNECT ${new URL(urls.https).host} ${login}`, whole]);
      });
    }

    it("does not wait at the close of a run for a proxy that does not answer", async () => {
      const asked = Promise.withResolvers<void>();
      const silent = createServer().on("connect", (_one, socket) => {
        close = () => socket.destroy();
        asked.resolve();
      });
      let close = ignore;
      const run = await open(urls.https, { HTTPS_PROXY: `http://127.0.0.1:${await listen(silent)}` });
      const answer = begun(run);
      await asked.promise;
      await run.brokered.close();
      await assert.rejects(answer, /hang up|ECONNRESET/);
      close();
    });

    it("takes a proxy's user without a password, and a % that stands for itself", async () => {
      const { host } = new URL(proxy);
      for (const [login, both] of [
        ["user", "user:"],
        ["user:50%", "user:50%"],
      ]) {
        asked.length = 0;
        await ask(await open(urls.https, { HTTPS_PROXY: `http://${login}@${host}` }));
        const sent = `Basic ${Buffer.from(both ?? "").toString("base64")}`;
        assert.deepEqual(asked, [`CONNECT ${new URL(urls.https).host} ${sent}`]);
      }
    });

    it("goes around it to the hosts of NO_PROXY, and takes no proxy that it cannot use", async () => {
      const run = await open(urls.https, { HTTPS_PROXY: proxy, NO_PROXY: "other.test,localhost" });
      assert.equal((await ask(run)).status, 200);
      assert.deepEqual([asked, seen.length], [[], 1]);
      await assert.rejects(open(urls.https, { HTTPS_PROXY: "socks5://127.0.0.1:1" }), /only an HTTP proxy/);
    });
  });

  describe("tells its observer", () => {
    it("of each message the status, the first token, the tokens and whether it came whole", async () => {
      const run = await open();
      let next = ignore;
      provider.reply = (_asked, response) => {
        const [start = "", text = "", ...rest] = stream("m");
        response.writeHead(200, SSE).write(start + text);
        next = () => void response.end(rest.join(""));
      };
      const answer = await begun(run);
      await eventually(() => assert.deepEqual(told, ["asked anthropic trace", "first token"]));
      next();
      await read(answer);
      const whole = { model: "m", usage: USED, finishReason: "end_turn", unfinished: 0, complete: true };
      await eventually(() => assert.deepEqual(told.slice(2), [{ status: 200, answer: whole }]));
      provider.reply = (_asked, response) =>
        response.writeHead(429, { "content-type": "application/json" }).end('{"type":"error"}');
      told.length = 0;
      await ask(run);
      await eventually(() => assert.deepEqual(told, ["asked anthropic trace", { status: 429, answer: NOTHING }]));
      told.length = 0;
      await ask(run, { path: COUNT });
      await ask(run, { method: "GET" });
      assert.deepEqual(told, []);
    });

    it("nothing of tokens in an API that it cannot read, but whether the answer came whole", async () => {
      provider.reply = (_asked, response) => response.writeHead(200, SSE).end(stream("m").join(""));
      await ask(await open(urls.https, {}, undefined, { counts: false }));
      await eventually(() => assert.deepEqual(told.at(-1), { status: 200, answer: { ...NOTHING, complete: true } }));
    });

    it("of an answer that was cut what had come, and that it did not come whole", async () => {
      provider.reply = (_asked, response) => {
        response.writeHead(200, SSE).write(stream("m").slice(0, 2).join(""), () => response.socket?.destroy());
      };
      const answer = await begun(await open());
      await assert.rejects(read(answer));
      const cut = { ...NOTHING, model: "m", usage: { ...USED, outputTokens: 1 }, unfinished: 1 };
      await eventually(() => assert.deepEqual(told.at(-1), { status: 200, answer: cut }));
    });

    it("that no answer came from a provider that cannot be reached or is not to be trusted", async () => {
      const gone = createServer();
      const port = await listen(gone);
      gone.close();
      for (const run of [
        await open(`https://localhost:${port}`),
        await open(urls.https, { NODE_EXTRA_CA_CERTS: undefined }),
      ]) {
        told.length = 0;
        await assert.rejects(begun(run), /hang up|ECONNRESET/);
        const none = { status: undefined, answer: NOTHING };
        await eventually(() => assert.deepEqual(told, ["asked anthropic trace", none]));
      }
      assert.deepEqual(seen, []);
    });
  });

  it("tells with the engine what the answers to messages say of usage windows, not of a login of the run's own", async () => {
    const window = { name: "w", state: "closed", resetMs: 1, share: undefined, lengthMs: undefined } as const;
    const windowsOf: Provider["windowsOf"] = ({ status, headers }) =>
      status === 429 && headers["x-window"] === "w" ? [window] : [];
    provider.reply = (_asked, response) => response.writeHead(429, { "x-window": "w" }).end();
    await ask(await open(urls.https, {}, undefined, { windowsOf, ownLogin: true }));
    const run = await open(urls.https, {}, undefined, { windowsOf });
    await ask(run, { path: COUNT });
    assert.deepEqual(said, []);
    await ask(run);
    assert.deepEqual(said, [["engine", [window]]]);
  });

  it("passes an answer on although the engine's plugin cannot read what it says of usage windows", async () => {
    const windowsOf = () => assert.fail("cannot read it");
    const { status, body } = await ask(await open(urls.https, {}, undefined, { windowsOf }));
    assert.deepEqual([status, body.toString()], [200, "answer"]);
  });

  it("is there where it is wanted and runs have a network of their own; else its absence is refused or said", async () => {
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line) => void lines.push(line) });
    const shared = { status: { reason: "no bubblewrap" }, observer, onWindows: ignore, log };
    const own = { noStandIns: undefined };
    const full = { noStandIns: "the network is full" };
    assert.equal(openBroker({ ...shared, mode: "off", sandbox: own }), undefined);
    for (const mode of ["auto", "required"] as const) await openBroker({ ...shared, mode, sandbox: own })?.close();
    assert.throws(
      () => openBroker({ ...shared, mode: "required", sandbox: undefined }),
      /required.*: runs have no sandbox: no bubblewrap/,
    );
    assert.throws(() => openBroker({ ...shared, mode: "required", sandbox: full }), /required.*: the network is full/);
    assert.deepEqual(lines, []);
    for (const sandbox of [undefined, full]) assert.equal(openBroker({ ...shared, mode: "auto", sandbox }), undefined);
    assert.match(lines.join(""), /no bubblewrap.*there is no broker[^]*the network is full.*there is no broker/);
  });
});
