import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allowedHosts } from "../src/sandbox/allowed-hosts.js";
import { openHostProxy } from "../src/sandbox/host-proxy.js";
import { upstreamOf } from "../src/sandbox/proxy-environment.js";

describe("the proxy of a run in a sandbox", () => {
  let dir: string;
  let provider: Server;
  let port: number;
  const close: (() => Promise<void>)[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-proxy-"));
    provider = createServer((asked, answer) => {
      const chunks: Buffer[] = [];
      asked.on("data", (chunk: Buffer) => chunks.push(chunk));
      asked.on("end", () => answer.end(`${asked.method} ${asked.url} ${Buffer.concat(chunks).toString()}`));
    });
    provider.listen(0, "127.0.0.1");
    await once(provider, "listening");
    ({ port } = provider.address() as AddressInfo);
  });
  after(async () => {
    provider.closeAllConnections();
    provider.close();
    await rm(dir, { recursive: true });
  });
  afterEach(async () => {
    for (const one of close.splice(0)) await one();
  });

  async function open(hosts: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const refused: string[] = [];
    const path = join(dir, `socket-${hosts.length}-${Math.random().toString(36).slice(2)}`);
    const onRefused = (host: string) => void refused.push(host);
    const proxy = await openHostProxy({ path, allows: allowedHosts(hosts), upstream: upstreamOf(env), onRefused });
    close.push(() => proxy.close());
    return { path, refused };
  }

  /** Sends a request with a whole URL, as clients of a proxy do. */
  async function get(socketPath: string, url: string, body = ""): Promise<string> {
    const sent = request({ socketPath, path: url, method: "POST" });
    sent.end(body);
    const [answer] = await once(sent, "response");
    let said = `${answer.statusCode} `;
    for await (const chunk of answer) said += chunk;
    return said;
  }

  /** Asks for a tunnel, and sends a request through it if there is one. */
  async function tunnel(path: string, host: string): Promise<string> {
    const socket = connect(path);
    let said = "";
    socket.on("data", (chunk) => {
      said += chunk;
      if (said.endsWith("Established\r\n\r\n"))
        socket.write("GET /inside HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    });
    socket.write(`CONNECT ${host} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    await once(socket, "close");
    return said;
  }

  it("passes requests and tunnels to an allowed host and port", async () => {
    const { path } = await open([`127.0.0.1:${port}`]);
    assert.equal(await get(path, `http://127.0.0.1:${port}/a?b=c`, "body"), "200 POST /a?b=c body");
    assert.match(await tunnel(path, `127.0.0.1:${port}`), /^HTTP\/1.1 200 [^]*GET \/inside/);
  });

  it("refuses every other host and port, and says each once", async () => {
    const { path, refused } = await open([`127.0.0.1:${port}`]);
    for (const host of ["127.0.0.1:1", `localhost:${port}`, "169.254.169.254:80", "169.254.169.254:80"]) {
      assert.match(await tunnel(path, host), /^HTTP\/1.1 403 /, host);
      assert.match(await get(path, `http://${host}/`), /^403 .*CCSP_EXECUTOR_SANDBOX_HOSTS/, host);
    }
    assert.match(await get(path, "/no-url"), /^403 /);
    assert.deepEqual(refused, ["127.0.0.1:1", `localhost:${port}`, "169.254.169.254:80"]);
  });

  it("breaks the connection if the host cannot be reached, as without a proxy", async () => {
    const { path } = await open(["127.0.0.1:1"]);
    await assert.rejects(get(path, "http://127.0.0.1:1/"), /socket hang up|ECONNRESET/);
    assert.equal(await tunnel(path, "127.0.0.1:1"), "");
  });

  it("goes through the operator's own proxy, except to hosts of NO_PROXY", async () => {
    const asked: string[] = [];
    const outer = createServer((one, answer) => {
      asked.push(`${one.method} ${one.url} ${one.headers["proxy-authorization"]}`);
      answer.end("outer");
    });
    outer.on("connect", (one, socket) => {
      asked.push(`CONNECT ${one.url} ${one.headers["proxy-authorization"]}`);
      const inner = connect(port, "127.0.0.1");
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      socket.pipe(inner).pipe(socket);
    });
    outer.listen(0, "127.0.0.1");
    await once(outer, "listening");
    const env = {
      HTTPS_PROXY: `http://user:pass@127.0.0.1:${(outer.address() as AddressInfo).port}`,
      NO_PROXY: ".direct.test",
    };
    const { path } = await open(["provider.test", "provider.test:80", "provider.direct.test:80"], env);
    assert.match(await tunnel(path, "provider.test:443"), /^HTTP\/1.1 200 [^]*GET \/inside/);
    assert.equal(await get(path, "http://provider.test/a"), "200 outer");
    const login = `Basic ${Buffer.from("user:pass").toString("base64")}`;
    assert.deepEqual(asked, [`CONNECT provider.test:443 ${login}`, `POST http://provider.test/a ${login}`]);
    assert.equal(upstreamOf(env)("provider.direct.test"), undefined);
    assert.throws(() => upstreamOf({ HTTPS_PROXY: "socks5://127.0.0.1:1" }), /only an HTTP proxy/);
    outer.closeAllConnections();
    outer.close();
  });

  it("closes its tunnels when the run is over", async () => {
    const { path } = await open([`127.0.0.1:${port}`]);
    const socket = connect(path);
    socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\n\r\n`);
    await once(socket, "data");
    const closed = once(socket, "close");
    await close.pop()?.();
    await closed;
  });

  it("does not wait for a client that keeps a refused connection open", async () => {
    const { path } = await open([]);
    const socket = connect({ path, allowHalfOpen: true });
    socket.write("CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n");
    assert.match(String(await once(socket, "data")), /403/);
    await close.pop()?.();
    socket.destroy();
  });

  it("holds a bounded number of connections, because each is an open file of the executor", async () => {
    const { path } = await open([]);
    const sockets = [];
    for (let n = 0; n < 512; n++) {
      const socket = connect(path);
      sockets.push(socket);
      await once(socket, "connect");
    }
    const more = connect(path);
    await once(more, "close");
    assert.ok(sockets.every((socket) => !socket.destroyed));
    for (const socket of sockets) socket.destroy();
  });
});
