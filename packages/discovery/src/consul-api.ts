import { type Address, formatAddress } from "./address.js";

/**
 * The four calls of Consul's HTTP API that discovery needs, with their own time limits and a signal each. The `consul`
 * package would add untyped answers and a second HTTP stack to them.
 */
export interface ConsulApi {
  /**
   * Instances whose checks pass. With `index` the call waits up to `waitMs` for something newer; a write to anything near
   * may end the wait early, with the same content.
   */
  passing(
    name: string,
    query: PassingQuery,
  ): Promise<{ readonly index: number; readonly addresses: readonly Address[] }>;
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

export interface Instance extends Address {
  readonly name: string;
  readonly id: string;
}

const ANSWER_MS = 3_000;

export function consulApi(url: string): ConsulApi {
  async function request(path: string, init: RequestInit & { signal: AbortSignal }, limitMs = ANSWER_MS) {
    const ended = new AbortController();
    const abort = () => ended.abort(init.signal.reason);
    const timer = setTimeout(() => ended.abort(new Error(`no answer within ${limitMs} ms`)), limitMs);
    init.signal.addEventListener("abort", abort, { once: true });
    if (init.signal.aborted) abort();
    try {
      const response = await fetch(new URL(path, url), { ...init, signal: ended.signal });
      return { status: response.status, headers: response.headers, body: await response.text() };
    } catch (error) {
      throw new Error(`Consul at ${url} does not answer: ${reasonOf(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
      init.signal.removeEventListener("abort", abort);
    }
  }

  async function put(path: string, signal: AbortSignal, body?: unknown) {
    const { status, body: text } = await request(path, { method: "PUT", signal, body: JSON.stringify(body) ?? null });
    if (status !== 200) throw new Error(`Consul at ${url} answered ${status}: ${text.slice(0, 200)}`);
  }

  return {
    async passing(name, { index, waitMs, signal }) {
      const query = new URLSearchParams({ passing: "true", index: String(index), wait: `${waitMs}ms` });
      // Consul adds up to a sixteenth to the wait.
      const limitMs = ANSWER_MS + (index > 0 ? waitMs * 1.1 : 0);
      const path = `/v1/health/service/${encodeURIComponent(name)}?${query.toString()}`;
      const { status, headers, body } = await request(path, { signal }, limitMs);
      if (status !== 200) throw new Error(`Consul at ${url} answered ${status}: ${body.slice(0, 200)}`);
      return { index: Math.max(1, Number(headers.get("x-consul-index"))), addresses: addressesIn(JSON.parse(body)) };
    },
    async register(instance, signal) {
      await put("/v1/agent/service/register?replace-existing-checks=true", signal, registration(instance));
    },
    async knows(id, signal) {
      const { status } = await request(`/v1/agent/service/${encodeURIComponent(id)}`, { signal });
      if (status !== 200 && status !== 404) throw new Error(`Consul at ${url} answered ${status}`);
      return status === 200;
    },
    async deregister(id, signal) {
      await put(`/v1/agent/service/deregister/${encodeURIComponent(id)}`, signal);
    },
  };
}

function registration(instance: Instance) {
  return {
    ID: instance.id,
    Name: instance.name,
    Address: instance.host,
    Port: instance.port,
    Check: {
      Name: "grpc health",
      GRPC: formatAddress(instance),
      // Shorter intervals are raised to 1 s by Consul.
      Interval: "1s",
      Timeout: "2s",
      // The server answers already when it announces itself: no reason to stay out for the first interval.
      Status: "passing",
      DeregisterCriticalServiceAfter: "1m",
    },
  };
}

function addressesIn(body: unknown): readonly Address[] {
  if (!Array.isArray(body)) throw new Error("Consul's answer is not a list");
  return body.map((entry: { Service?: { Address?: string; Port?: number }; Node?: { Address?: string } }) => {
    const host = entry.Service?.Address || entry.Node?.Address;
    const port = entry.Service?.Port;
    if (!host || !port) throw new Error("Consul's answer has an instance without address or port");
    return { host, port };
  });
}

/** fetch says only "fetch failed"; its cause has the reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : undefined;
  return cause?.message || error.message;
}
