import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";
import { brokerRig, NOTHING, TOKEN } from "./broker-rig.js";

const MIB = 1024 ** 2;

describe("when the provider refuses the login, the broker", () => {
  const { urls, seen, held, told, provider, open, send, ask } = brokerRig();
  const headers = { authorization: `Bearer ${TOKEN.placeholder}` };
  const refused: string[] = [];
  const bodies: string[] = [];
  beforeEach(() => {
    refused.length = 0;
    bodies.length = 0;
    held.newToken = async (token) => (refused.push(token), "new-token");
    provider.reply = (asked, response) => {
      const accepted = asked.headers.authorization === "Bearer new-token";
      let body = "";
      asked
        .on("data", (chunk) => (body += chunk))
        .on("end", () => {
          bodies.push(body);
          response.writeHead(accepted ? 200 : 401).end(accepted ? "answer" : "refused");
        });
    };
  });

  it("sends the request once more with the new login, and the run gets the second answer only", async () => {
    const { status, body } = await ask(await open(), { headers, body: "a prompt" });
    assert.deepEqual([status, body.toString()], [200, "answer"]);
    assert.deepEqual([refused, bodies], [[TOKEN.secret], ["a prompt", "a prompt"]]);
    await eventually(() => assert.deepEqual(told, ["asked anthropic trace", { status: 200, answer: NOTHING }]));
  });

  it("passes the refusal on where there is no other login, or where the other one is refused too", async () => {
    const run = await open();
    for (const token of [undefined, "refused-too"]) {
      bodies.length = 0;
      held.newToken = async () => token;
      const { status, body } = await ask(run, { headers, body: "a prompt" });
      assert.deepEqual([status, body.toString()], [401, "refused"]);
      assert.equal(bodies.length, token === undefined ? 1 : 2);
    }
    assert.equal((await ask(run)).status, 401);
    assert.equal(bodies.length, 3);
  });

  it("passes on a request of more than 32 MiB, or one that does not tell its length, as it comes, and only once", async () => {
    const run = await open(urls.http);
    provider.reply = (_asked, response) => response.writeHead(401).end("refused");
    for (const length of [{ "content-length": String(32 * MIB + 1) }, { "transfer-encoding": "chunked" }])
      assert.equal((await ask(run, { headers: { ...headers, ...length } })).status, 401);
    assert.deepEqual([refused, seen.length], [[], 2]);
    assert.equal((await ask(run, { headers })).status, 401);
    assert.deepEqual([refused, seen.length], [[TOKEN.secret], 4]);
  });

  it("holds at most 32 MiB of a run's requests, and has room again when one of them has gone", async () => {
    const run = await open(urls.http);
    const large = await send(run, { headers: { ...headers, "content-length": String(32 * MIB) } });
    const asksFor = async (times: number) => {
      bodies.length = 0;
      await ask(run, { headers });
      assert.equal(bodies.length, times);
    };
    // The rest of the large one does not come.
    await eventually(() => asksFor(1));
    large.destroy();
    await eventually(() => asksFor(2));
  });
});
