import { setTimeout as sleep } from "node:timers/promises";
import type { ConsulSettings } from "@ccsp/config";
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
const TRY_MS = 3_000;

/**
 * Registers an instance in Consul, whose agent then asks `/ready` of its ops port every second. Registers it again
 * whenever Consul no longer knows it. Resolves after the first try, even when that try failed: if Consul does not
 * answer, the start does not fail and waits at most 3 s. Without `consul`, it does nothing.
 *
 * Call it when the server answers calls. Close it before the server stops.
 */
export async function announce(
  options: Instance & { readonly consul: ConsulSettings | undefined; readonly log: Logger },
): Promise<Announcement> {
  const { consul, log, name, id, host, port, ops } = options;
  if (consul === undefined) return { close: async () => undefined };
  const api = consulApi(consul);
  const instance: Instance = { name, id, host, port, ops };
  const closed = new AbortController();
  let registered = false;
  let away = false;

  async function verify(): Promise<void> {
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(TRY_MS)]);
    try {
      const known = await api.knows(id, signal);
      // A predecessor that crashed, perhaps at another address. If it had another kind of check, as in 0.2.0, Consul
      // would go on with that one beside the new one, and both would set one status.
      if (known && !registered) await api.deregister(id, signal);
      if (!known || !registered) {
        await api.register(instance, signal);
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
