import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { type AllowedHosts, lookupElsewhere, parseTarget, type Target } from "./allowed-hosts.js";
import type { Upstream } from "./proxy-environment.js";
import type { StandIn } from "./sandbox.js";

export interface HostProxyOptions {
  /** Path of the Unix socket on which it listens. */
  readonly path: string;
  readonly allows: AllowedHosts;
  /** The operator's own HTTP proxy, through which connections to a host go. */
  readonly upstream: Upstream;
  /** Answers in place of one host. Undefined: every host answers for itself. */
  readonly standIn?: StandIn | undefined;
  /** Called for a host that is not allowed: once for each. */
  readonly onRefused: (host: string) => void;
}

const CONNECT_MS = 30_000;
/** Each connection is one of the files that the executor may open: a run must not take those of other runs. */
const MOST_CONNECTIONS = 512;
/** A run could fill the log with names. */
const MOST_REFUSED = 20;

/**
 * An HTTP proxy for one run: CONNECT for TLS, and plain requests with a whole URL. It connects only to allowed hosts.
 * Resolves when it listens.
 */
export async function openHostProxy(options: HostProxyOptions): Promise<{ close(): Promise<void> }> {
  const proxy = new HostProxy(options);
  await proxy.listen();
  return proxy;
}

class HostProxy {
  readonly #options: HostProxyOptions;
  readonly #refused = new Set<string>();
  /** Node's server does not close the connections of CONNECT. */
  readonly #tunnels = new Set<Duplex>();
  readonly #server = createServer((request, response) => this.#forward(request, response));

  constructor(options: HostProxyOptions) {
    this.#options = options;
    // A connection of a run never keeps the executor alive, and its error concerns only the run.
    this.#server.on("connect", (request, socket, head) => this.#tunnel(request, socket, head));
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#options.path, resolve);
    });
  }

  async close(): Promise<void> {
    for (const tunnel of this.#tunnels) tunnel.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #tunnel(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const target = parseTarget(request.url ?? "", 443);
    socket.on("error", () => {});
    this.#watch(socket);
    const standIn = target && this.#standInFor(target);
    if (standIn) {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      if (head.length > 0) socket.unshift(head);
      return standIn.connect(socket);
    }
    if (!target || !this.#allows(target)) {
      socket.end(`HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${REFUSAL}`);
      return;
    }
    const upstream = this.#options.upstream(target.name);
    const remote = upstream ? connect(addressOf(upstream)) : connect(routeTo(target));
    this.#watch(remote);
    // Engines know a connection that breaks. A status would look like an answer of the provider.
    remote.once("error", () => socket.destroy());
    remote.once("connect", () => {
      remote.setTimeout(0);
      // The upstream's own answer goes back to the run.
      if (upstream) remote.write(connectRequest(target, upstream));
      else socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      if (head.length > 0) remote.write(head);
      pipeline(socket, remote, socket, () => {});
    });
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const url = URL.parse(request.url ?? "");
    const target = url?.protocol === "http:" ? parseTarget(url.host, 80) : undefined;
    const standIn = target && this.#standInFor(target);
    if (standIn) return standIn.answer(request, response);
    if (!url || !target || !this.#allows(target)) {
      response.writeHead(403, { "content-type": "text/plain", connection: "close" }).end(REFUSAL);
      return;
    }
    const { method, headers } = request;
    const upstream = this.#options.upstream(target.name);
    const forwarded = {
      method,
      headers: withoutHop({ ...headers, host: url.host, ...(upstream && authorization(upstream)) }),
      timeout: CONNECT_MS,
      agent: false,
    };
    const sent = upstream
      ? httpRequest({ ...forwarded, ...addressOf(upstream), path: url.href })
      : httpRequest({ ...forwarded, ...routeTo(target), path: `${url.pathname}${url.search}` });
    sent.once("socket", (socket) => socket.once("connect", () => sent.setTimeout(0)));
    sent.once("timeout", () => sent.destroy(new Error("no connection in time")));
    sent.once("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutHop(answer.headers));
      response.flushHeaders();
      pipeline(answer, response, () => {});
    });
    sent.once("error", () => response.destroy());
    pipeline(request, sent, (error) => error && sent.destroy());
    response.once("close", () => sent.destroy());
  }

  #standInFor({ name, port }: Target): StandIn | undefined {
    const { standIn } = this.#options;
    return standIn?.host.name === name && standIn.host.port === port ? standIn : undefined;
  }

  #allows(target: Target): boolean {
    if (this.#options.allows(target)) return true;
    const host = `${target.name}:${target.port}`;
    if (!this.#refused.has(host) && this.#refused.size < MOST_REFUSED) {
      this.#refused.add(host);
      this.#options.onRefused(host);
    }
    return false;
  }

  #watch(socket: Duplex): void {
    this.#tunnels.add(socket);
    socket.once("close", () => this.#tunnels.delete(socket));
    if (socket instanceof Socket) this.#limit(socket);
  }

  /** Limits the connection phase only. */
  #limit(socket: Socket): void {
    if (!socket.connecting) return;
    socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error("no connection in time")));
  }
}

const REFUSAL = "CCSP: this run may not reach that host; CCSP_EXECUTOR_SANDBOX_HOSTS of the executor lists hosts\n";

const routeTo = ({ name, port }: Target) => ({ host: name, port, lookup: lookupElsewhere });

const addressOf = ({ hostname, port }: URL) => ({ host: hostname.replaceAll(/[[\]]/g, ""), port: Number(port) || 80 });

export const authorization = ({ username, password }: URL): { "proxy-authorization"?: string } => {
  if (username === "") return {};
  const both = `${decoded(username)}:${decoded(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(both).toString("base64")}` };
};

/** A `%` may also stand for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function connectRequest({ name, port }: Target, upstream: URL): string {
  const host = name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
  const login = Object.entries(authorization(upstream)).map(([header, value]) => `${header}: ${value}\r\n`);
  return `CONNECT ${host} HTTP/1.1\r\nhost: ${host}\r\n${login.join("")}\r\n`;
}

/** Headers that concern only one connection. */
const HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"]);

export const withoutHop = <T>(headers: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP.has(name)));
