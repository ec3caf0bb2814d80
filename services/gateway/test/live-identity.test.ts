import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { type Client, type Connection, createClient } from "@ccsp/grpc-kit";
import { ROLES } from "@ccsp/identity";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { eventually, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { SignJWT } from "jose";
import { type FakeQueue, startFakeQueue } from "./fake-queue.js";
import { type LiveClient, openLive } from "./live-client.js";

const SECRET = "a secret of this test and of nothing else";
const PATIENCE = { timeoutMs: 45_000 };

const tokenOf = (sub: string, scopes: readonly string[] = ROLES.agent, seconds = 600) =>
  new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1_000) + seconds)
    .sign(new TextEncoder().encode(SECRET));
const bearing = (token: string) => ({ authorization: `Bearer ${token}` });

describe("who is at the other end of a WebSocket", function () {
  this.timeout(120_000);
  let redis: RedisServer;
  let queue: FakeQueue;
  let gateway: ServiceProcess;
  let operators: Client<OperatorServiceService> & Connection;
  const lines: string[] = [];
  const clients: LiveClient[] = [];

  before(async () => {
    redis = await startRedis();
    queue = await startFakeQueue();
    gateway = await startServiceProcess({
      name: "gateway",
      folder: fileURLToPath(new URL("..", import.meta.url)),
      env: {
        PATH: process.env["PATH"] ?? "",
        CCSP_REDIS_URL: redis.url,
        CCSP_HEARTBEAT: "0s",
        CCSP_JWT_SECRET: SECRET,
        CCSP_QUEUE_TARGET: `static:///127.0.0.1:${queue.port}`,
        CCSP_GATEWAY_CALLER_WEBSOCKETS: "3",
        CCSP_GATEWAY_PUBLIC_URL: "http://ccsp.example",
      },
      onLine: (line) => lines.push(line),
    });
    operators = createClient(OperatorServiceService, gateway.address);
  });
  // The gateway learns a moment later that a client has gone, and until then counts it for its caller.
  beforeEach(async () => {
    await eventually(async () => assert.equal(await gateway.metric("ccsp_gateway_live_connections"), 0), PATIENCE);
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  after(async () => {
    operators?.close();
    await gateway?.stop();
    await queue?.close();
    await redis?.stop();
  });

  const connect = (headers: Readonly<Record<string, string>> = {}): LiveClient => {
    const client = openLive(gateway.httpAddress, headers);
    clients.push(client);
    return client;
  };
  const refused = async (client: LiveClient, reason: string, code = 4401) => {
    const [closedWith] = await client.closed;
    assert.deepEqual([client.messages.at(-1)?.reason, closedWith], [reason, code]);
  };

  it("is proven by a header or by the first message, and nothing is answered before", async () => {
    assert.equal((await connect(bearing(await tokenOf("ann"))).latest("ready")).subject, "ann");
    const client = connect();
    client.send({ op: "subscribe", id: "1", topic: "tasks" });
    await refused(client, "TOKEN_MISSING");
    const other = connect();
    other.send({ op: "auth", token: await tokenOf("bob") });
    other.send({ op: "subscribe", id: "1", topic: "tasks" });
    assert.equal((await other.latest("ready")).subject, "bob");
    await other.latest("subscribed");
  });

  it("must be proven within 5 s, with a token that is right", async () => {
    const [silent, wrong] = [connect(), connect(bearing(`${await tokenOf("ann")}x`))];
    await refused(wrong, "TOKEN_INVALID");
    await refused(silent, "TOKEN_MISSING");
  });

  it("may be proven by the cookie of a session only on pages of this origin", async () => {
    const cookie = `ccsp_session=${await tokenOf("ann")}`;
    assert.equal((await connect({ cookie, origin: gateway.httpAddress }).latest("ready")).subject, "ann");
    // A proxy that terminates TLS asks by HTTP, and may write its own name for the gateway into `Host`.
    for (const origin of [gateway.httpAddress.replace("http", "https"), "http://ccsp.example"])
      assert.equal((await connect({ cookie, origin }).latest("ready")).subject, "ann");
    for (const headers of [{ cookie }, { cookie, origin: "https://elsewhere.example" }])
      assert.equal((await connect(headers).closed)[0], 1006);
  });

  it("is forgotten when the token expires, unless a newer one of the same caller came before", async () => {
    const short = await tokenOf("ann", ROLES.agent, 15);
    const [expiring, renewed] = [connect(bearing(short)), connect(bearing(short))];
    await renewed.latest("ready");
    renewed.send({ op: "auth", token: await tokenOf("bob") });
    assert.equal((await renewed.latest("error")).reason, "TOKEN_INVALID");
    renewed.send({ op: "auth", token: await tokenOf("ann") });
    await renewed.latest("renewed");
    await expiring.latest("ready");
    await refused(expiring, "TOKEN_EXPIRED");
    renewed.send({ op: "ping" });
    await renewed.latest("pong");
  });

  it("keeps what the new token allows, and loses the rest", async () => {
    const client = connect(bearing(await tokenOf("ann", ROLES.operator)));
    client.send({ op: "subscribe", id: "tasks", topic: "tasks" });
    client.send({ op: "subscribe", id: "queue", topic: "queue" });
    await client.latest("subscribed", "queue");
    client.send({ op: "auth", token: await tokenOf("ann", ["tasks:read-all"]) });
    await client.latest("renewed");
    client.send({ op: "auth", token: await tokenOf("ann", ["tasks:read"]) });
    assert.equal((await client.latest("error", "queue")).reason, "SCOPE_MISSING");
    // With this token, `tasks` would silently show less.
    assert.equal((await client.latest("error", "tasks")).reason, "SCOPE_MISSING");
    client.send({ op: "unsubscribe", id: "queue" });
    await eventually(() => assert.equal(client.messages.at(-1)?.reason, "INVALID_FIELD"), PATIENCE);
  });

  it("is sent away within 5 s when the token is revoked, and nobody else is", async () => {
    const token = await tokenOf("eve");
    const [one, other] = [connect(bearing(token)), connect(bearing(await tokenOf("bob")))];
    await one.latest("ready");
    await other.latest("ready");
    const metadata = bearing(await tokenOf("root", ROLES.admin));
    const begunMs = performance.now();
    await operators.revokeTokens({ tokens: { $case: "token", value: token } }, { metadata });
    await refused(one, "TOKEN_REVOKED");
    console.log(`      closed ${Math.round(performance.now() - begunMs)} ms after the revocation`);
    other.send({ op: "ping" });
    await other.latest("pong");
  });

  it("learns what is wrong with a message, and is sent away when it goes on", async () => {
    const client = connect(bearing(await tokenOf("ann")));
    await client.latest("ready");
    const faults: readonly (readonly [object | string, string])[] = [
      ["{", "message"],
      [{ op: "subscribe", id: "1", topic: "prompts" }, "topic"],
      [{ op: "subscribe", id: "1", topic: "tasks", filter: { agent: "x" } }, "filter"],
      [{ op: "subscribe", id: "x".repeat(65), topic: "tasks" }, "id"],
    ];
    for (const [message, field] of faults) {
      client.send(message);
      await eventually(() => assert.equal(client.messages.at(-1)?.fields?.[0]?.field, field), PATIENCE);
    }
    client.send({ op: "subscribe", id: "1", topic: "tasks", after: "nothing" });
    assert.equal((await client.latest("error", "1")).fields?.[0]?.field, "after");
    client.send(new Uint8Array([1, 2]));
    assert.equal((await client.closed)[0], 4400);
    const large = connect(bearing(await tokenOf("ann")));
    large.send({ op: "ping", more: "x".repeat(20_000) });
    assert.equal((await large.closed)[0], 1009);
  });

  it("has as many connections and subscriptions as are allowed, and no more", async () => {
    const token = await tokenOf("carol");
    const [first] = await Promise.all(
      [1, 2, 3].map(async () => {
        const client = connect(bearing(token));
        await client.latest("ready");
        return client;
      }),
    );
    assert.ok(first);
    await refused(connect(bearing(token)), "CALLER_LIMIT", 4429);
    for (let id = 1; id <= 51; id += 1) first.send({ op: "subscribe", id: String(id), topic: "tasks" });
    assert.equal((await first.latest("error", "51")).reason, "CALLER_LIMIT");
    await first.latest("subscribed", "50");
    const subscriptions = () => gateway.metric('ccsp_gateway_live_subscriptions{topic="tasks"');
    assert.equal(await subscriptions(), 50);
    first.close();
    await first.closed;
    await eventually(async () => assert.equal(await subscriptions(), 0), PATIENCE);
    await connect(bearing(token)).latest("ready");
  });

  it("is told to go elsewhere when the gateway stops, which then stops in order", async () => {
    const client = connect(bearing(await tokenOf("ann")));
    client.send({ op: "subscribe", id: "1", topic: "tasks" });
    await client.latest("subscribed");
    gateway.process.kill("SIGTERM");
    assert.deepEqual(await client.closed, [1001, "the gateway stops; connect again and resume"]);
    assert.deepEqual(await gateway.process.exited, { code: 0, signal: null });
    assert.ok(!lines.some((line) => /"level":[56]0/.test(line)), "no error in the log");
  });
});
