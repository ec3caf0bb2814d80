import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { Agent as HttpAgent, IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { type ConsulSettings, formatHostPort, type HostPort } from "@ccsp/config";
import Consul from "consul";

/** Options that the package accepts but its types leave out. */
declare module "consul/lib/consul.js" {
  interface CommonOptions {
    /**
     * Destroys the request when it emits "cancel". With `includeResponse: true`, the answer is a pair of response and
     * body.
     */
    ctx?: EventEmitter;
    /** Time limit for the whole call, in milliseconds. */
    timeout?: number;
  }
}
declare module "consul/lib/health.js" {
  interface ServiceOptions {
    index?: number;
    wait?: string;
  }
}

/**
 * The four calls that discovery needs. This is the only use of the `consul` package. Each call has types, a time limit
 * and a signal.
 */
export interface ConsulApi {
  /**
   * Returns the instances whose checks pass. With `index`, the call waits up to `waitMs` for a newer list. A write to
   * something near the list may end the wait early, with the same content.
   */
  passing(
    name: string,
    query: PassingQuery,
  ): Promise<{ readonly index: number; readonly addresses: readonly HostPort[] }>;
  register(instance: Instance, signal: AbortSignal): Promise<void>;
  /** False when the agent does not know the id. */
  knows(id: string, signal: AbortSignal): Promise<boolean>;
  deregister(id: string, signal: AbortSignal): Promise<void>;
}

export interface PassingQuery {
  readonly index: number;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

export interface Instance extends HostPort {
  readonly name: string;
  readonly id: string;
  /** Where Consul asks `/ready`. */
  readonly ops: HostPort;
}

interface How {
  readonly ctx: EventEmitter;
  readonly timeout: number;
}

/**
 * Time limit for an answer. It also ends a call whose connection broke in the middle of the answer, because the package
 * does not notice this.
 */
const ANSWER_MS = 3_000;

/** Reads the files of `settings` for each call, so that a certificate or token that is replaced counts at once. */
export function consulApi(settings: ConsulSettings): ConsulApi {
  async function call<T>(signal: AbortSignal, send: (consul: Consul, how: How) => Promise<T>, timeout = ANSWER_MS) {
    const ctx = new EventEmitter();
    const cancel = () => ctx.emit("cancel");
    signal.addEventListener("abort", cancel, { once: true });
    try {
      signal.throwIfAborted();
      return await send(open(settings), { ctx, timeout });
    } catch (error) {
      throw explained(settings, error);
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  return {
    async passing(name, { index, waitMs, signal }) {
      const query = { service: name, passing: true, index, wait: `${waitMs}ms` };
      // Consul adds up to a sixteenth to the wait.
      const limitMs = ANSWER_MS + (index > 0 ? waitMs * 1.1 : 0);
      const [response, body]: readonly unknown[] = await call(
        signal,
        (consul, { ctx, timeout }) =>
          consul.health.service({ ...query, timeout, ctx: Object.assign(ctx, { includeResponse: true }) }),
        limitMs,
      );
      if (!(response instanceof IncomingMessage)) throw new Error("Consul's answer has no HTTP header");
      return { index: Math.max(1, Number(response.headers["x-consul-index"] ?? 0)), addresses: addressesIn(body) };
    },
    async register(instance, signal) {
      await call(signal, (consul, how) => consul.agent.service.register({ ...registration(instance), ...how }));
    },
    async knows(id, signal) {
      // The package cannot ask for one service. The list is short: an agent lists only the services of its own host.
      return Object.hasOwn(await call(signal, (consul, how) => consul.agent.service.list(how)), id);
    },
    async deregister(id, signal) {
      await call(signal, (consul, how) => consul.agent.service.deregister({ id, ...how }));
    },
  };
}

function open({ url, caFile, token, tokenFile }: ConsulSettings): Consul {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === "https:";
  const secret = tokenFile === undefined ? token : readFileSync(tokenFile, "utf8").trim();
  // Each call has its own connection. Calls are rare, a kept connection may be dead after a restart of Consul, and no
  // connection has to be closed. The `host` of the agent overrides that of the package. The package would keep the
  // brackets of an IPv6 address and look up the result as a name.
  const connections = { keepAlive: false, host: hostname.replace(/^\[|\]$/g, "") };
  return new Consul({
    host: hostname,
    port: Number(port) || (secure ? 443 : 80),
    secure,
    agent: secure
      ? new HttpsAgent({ ...connections, ...(caFile !== undefined && { ca: readFileSync(caFile) }) })
      : new HttpAgent(connections),
    ...(secret !== undefined && { defaults: { token: secret } }),
  });
}

function registration(instance: Instance) {
  return {
    id: instance.id,
    name: instance.name,
    address: instance.host,
    port: instance.port,
    // Prometheus finds the metrics here (deploy/prometheus).
    meta: { ops: formatHostPort(instance.ops) },
    check: {
      name: "ready",
      // Not the health of the gRPC port: with mTLS, Consul's agent has no certificate that the service accepts.
      http: `http://${formatHostPort(instance.ops)}/ready`,
      // Consul raises shorter intervals to 1 s.
      interval: "1s",
      timeout: "2s",
      // The server already answers when it announces itself. So it need not wait for the first interval.
      status: "passing",
      deregistercriticalserviceafter: "1m",
    },
  };
}

function addressesIn(body: unknown): readonly HostPort[] {
  if (!Array.isArray(body)) throw new Error("Consul's answer is not a list");
  return body.map((entry: { Service?: { Address?: string; Port?: number }; Node?: { Address?: string } }) => {
    const host = entry.Service?.Address || entry.Node?.Address;
    const port = entry.Service?.Port;
    if (!host || !port) throw new Error("Consul's answer has an instance without address or port");
    return { host, port };
  });
}

const DENIED = "; CCSP_CONSUL_TOKEN_FILE needs a token with the policies of deploy/consul";

function explained({ url }: ConsulSettings, error: unknown): Error {
  const reason = reasonOf(error);
  if (error instanceof Error && "statusCode" in error) {
    const hint = error.statusCode === 403 ? DENIED : "";
    return new Error(`Consul at ${url} answered ${String(error.statusCode)}: ${reason}${hint}`, { cause: error });
  }
  return new Error(`Consul at ${url} does not answer: ${reason}`, { cause: error });
}

/** The error of a name with several addresses has one error for each address, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}
