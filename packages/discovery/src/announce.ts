import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { consulApi, type Instance } from "./consul-api.js";

export interface Announcement {
  /**
   * Deregisters the instance. Takes at most 3 s. A failure is only logged, because Consul itself removes the instance a
   * minute later.
   */
  close(): Promise<void>;
}

/**
 * Interval between checks of the registration. After Consul has lost its data, it hears of this instance again within
 * this time.
 */
const VERIFY_MS = 2_000;

/**
 * Registers an instance in Consul with a gRPC health check, which Consul's agent runs. Registers it again whenever
 * Consul no longer knows it. Resolves after the first try, even when that try failed: if Consul does not answer, the
 * start does not fail and waits at most 3 s. Without `consulUrl`, it does nothing.
 *
 * Call it when the server answers calls. Close it before the server stops.
 */
export async function announce(
  options: Instance & { readonly consulUrl: string | undefined; readonly log: Logger },
): Promise<Announcement> {
  const { consulUrl, log, name, id, host, port } = options;
  if (consulUrl === undefined) return { close: async () => undefined };
  const api = consulApi(consulUrl);
  const instance: Instance = { name, id, host, port };
  const closed = new AbortController();
  // At first, Consul may know this id from a process that crashed, with another address. So the first check always
  // registers.
  let registered = false;
  let away = false;

  async function verify(): Promise<void> {
    try {
      if (!registered || !(await api.knows(id, closed.signal))) {
        await api.register(instance, closed.signal);
        registered = true;
        log.info({ service: name, id, host, port }, "registered in Consul");
      }
      away = false;
    } catch (error) {
      if (closed.signal.aborted) return;
      if (!away) log.warn({ err: error, service: name, id }, "not registered in Consul; trying again");
      away = true;
    }
  }

  async function keep(): Promise<void> {
    while (!closed.signal.aborted) {
      await sleep(VERIFY_MS, undefined, { signal: closed.signal, ref: false }).catch(() => undefined);
      if (!closed.signal.aborted) await verify();
    }
  }

  await verify();
  const kept = keep();
  return {
    async close() {
      closed.abort();
      await kept;
      try {
        await api.deregister(id, new AbortController().signal);
      } catch (error) {
        log.warn({ err: error, service: name, id }, "could not deregister from Consul");
      }
    },
  };
}
