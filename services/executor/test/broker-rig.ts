import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type Agent, createServer, type IncomingMessage, type RequestListener, request } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import type { Provider, WindowSignal } from "@ccsp/engine-kit";
import { type Authority, createAuthority } from "@ccsp/testkit";
import { pino } from "pino";
import { type Broker, type BrokeredRun, createBroker } from "../src/broker/broker.js";
import type { Observer } from "../src/broker/observer.js";
import { allowedHosts } from "../src/sandbox/allowed-hosts.js";
import { openHostProxy } from "../src/sandbox/host-proxy.js";

export const KEY = { secret: "sk-secret-key", placeholder: "placeholder-key" };
export const TOKEN = { secret: "secret-token", placeholder: "placeholder-token" };
export const LOGIN = { "x-api-key": KEY.placeholder };
export const SETTINGS = "/api/claude_code/settings";
export const COUNT = "/v1/messages/count_tokens";
/** What the observer gets of an answer that tells nothing. */
export const NOTHING = { model: "", usage: undefined, finishReason: undefined, unfinished: 0, complete: false };
export interface Run {
  readonly brokered: BrokeredRun;
  readonly url: string;
  /** Of the socket of its proxy. */
  readonly path: string;
}
export interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Keeps the connection to a provider without TLS. */
  readonly agent?: Agent;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;
/** An agent that goes away, and a proxy of an operator, break connections: the test looks at the other side. */
export const ignore = () => {};

/**
 * A broker for each test, its runs with their proxies, and one provider with TLS and without. Runs ask through their
 * proxies, as CLIs do.
 */
export function brokerRig() {
  let dir: string;
  let authority: Authority;
  let extra: { NODE_EXTRA_CA_CERTS: string };
  const urls = { https: "", http: "" };
  let broker: Broker;
  const servers: Server[] = [];
  const close: (() => Promise<void>)[] = [];
  /** What the provider got. */
  const seen: { line: string; headers: IncomingMessage["headers"] }[] = [];
  /** How it answers. */
  const provider: { reply: (...asked: Parameters<RequestListener>) => unknown } = { reply: ignore };
  /** The login that the broker has. */
  const held = {
    key: async () => KEY.secret,
    newToken: async (_refused: string): Promise<string | undefined> => undefined,
  };
  /** What the observer got. */
  const told: unknown[] = [];
  /** What was told of usage windows. */
  const said: [engine: string, windows: readonly WindowSignal[]][] = [];
  const observer: Observer = {
    asked(provider, { traceparent }) {
      told.push(`asked ${provider} ${traceparent}`);
      return { firstToken: () => void told.push("first token"), ended: (end) => void told.push(end) };
    },
  };

  const listen = async (server: Server) => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
    return portOf(server);
  };

  before(async function () {
    authority = await createAuthority(this);
    dir = await mkdtemp(join(tmpdir(), "ccsp-broker-"));
    extra = { NODE_EXTRA_CA_CERTS: join(dir, "ca.pem") };
    await writeFile(extra.NODE_EXTRA_CA_CERTS, authority.ca);
    const answer: RequestListener = (asked, response) => {
      seen.push({ line: `${asked.method} ${asked.url}`, headers: asked.headers });
      asked.on("error", ignore);
      provider.reply(asked, response);
    };
    const { key, certificate: cert } = await authority.issue("localhost");
    const secure = await listen(createHttpsServer({ key, cert }, answer));
    Object.assign(urls, {
      https: `https://localhost:${secure}`,
      http: `http://localhost:${await listen(createServer(answer))}`,
    });
  });
  after(async () => {
    for (const server of servers) server.close();
    await authority.close();
    await rm(dir, { recursive: true });
  });
  beforeEach(() => {
    seen.length = 0;
    told.length = 0;
    said.length = 0;
    held.key = async () => KEY.secret;
    held.newToken = async () => undefined;
    provider.reply = (asked, response) => void asked.resume().on("end", () => response.end("answer"));
    broker = createBroker({ observer, onWindows: (...each) => void said.push(each), log: pino({ level: "silent" }) });
  });
  afterEach(async () => {
    for (const one of close.splice(0)) await one();
    await broker.close();
  });

  let runs = 0;
  /** `budgetUsd` null: the run has not begun. */
  async function open(
    url = urls.https,
    env = {},
    budgetUsd?: number | null,
    more: Partial<Provider> = {},
  ): Promise<Run> {
    const provider: Provider = {
      name: "anthropic",
      url,
      messages: ["POST /v1/messages"],
      counts: true,
      others: [`POST ${COUNT}`, `GET ${SETTINGS}`],
      login: [
        { placeholder: KEY.placeholder, secret: () => held.key() },
        {
          placeholder: TOKEN.placeholder,
          secret: async () => TOKEN.secret,
          renew: (refused) => held.newToken(refused),
        },
      ],
      ...more,
    };
    const brokered = await broker.open(provider, { name: "run", engine: "engine", env: { ...extra, ...env } });
    if (budgetUsd !== null) brokered.begin({ traceparent: "trace", budgetUsd });
    const path = join(dir, `run-${(runs += 1)}`);
    const none = { allows: allowedHosts([]), upstream: () => undefined, onRefused: ignore };
    const proxy = await openHostProxy({ path, standIn: brokered, ...none });
    close.push(async () => {
      await brokered.close();
      await proxy.close();
    });
    return { brokered, url, path };
  }

  /** Connects a run to its provider by its proxy, with TLS inside. */
  async function tunnel({ path, url, brokered: { trusts } }: Run) {
    const socket = connect(path);
    socket.write(`CONNECT ${new URL(url).host} HTTP/1.1\r\n\r\n`);
    assert.match(String(await once(socket, "data")), /^HTTP\/1.1 200 /);
    const secure = connectTls({ socket, servername: "localhost", ca: trusts });
    await once(secure, "secureConnect");
    return secure;
  }

  /** Sends a request as the CLI of a run does. */
  async function send(run: Run, asking: Asking = {}) {
    const { method = "POST", path = "/v1/messages", headers = LOGIN, body = "{}", agent = false } = asking;
    const asked = { method, headers: { host: new URL(run.url).host, ...headers } };
    const secure = run.url.startsWith("https:") ? await tunnel(run) : undefined;
    const sent = secure
      ? request({ ...asked, path, createConnection: () => secure })
      : request({ ...asked, path: `${run.url}${path}`, socketPath: run.path, agent });
    sent.on("error", ignore);
    sent.end(["POST", "PUT", "PATCH"].includes(method) ? body : undefined);
    return sent;
  }
  /** Rejects if no answer came. */
  async function begun(run: Run, asking?: Asking): Promise<IncomingMessage> {
    const [answer] = await once(await send(run, asking), "response");
    return answer;
  }
  /** Rejects if the answer was cut. */
  async function read(answer: IncomingMessage) {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk);
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
  }
  const ask = async (run: Run, asking?: Asking) => await read(await begun(run, asking));

  async function refused(run: Run, asking: Asking, what: string) {
    const { status, body } = await ask(run, asking);
    assert.equal(status, 403, what);
    assert.match(body.toString(), /^\{"type":"error","error":\{"type":"permission_error","message":"CCSP: .+"\}\}$/);
    assert.doesNotMatch(body.toString(), /secret/);
  }

  return { urls, seen, held, told, said, observer, provider, listen, open, tunnel, send, begun, read, ask, refused };
}
