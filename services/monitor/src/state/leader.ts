import { bindScript, oneOf, type RedisClient } from "@ccsp/redis-kit";
import { pause, within } from "@ccsp/timing";
import type { Logger } from "pino";
import { failuresLog } from "./failures-log.js";
import { stateKey } from "./state-store.js";

/** Work that one replica does at a time. */
export interface Duty {
  /** Used in the log. */
  readonly name: string;
  readonly everyMs: number;
  /**
   * One turn. `stop` aborts when this replica stops or is no longer the leader. Another replica may then do the same
   * turn, also while this one ends: what must happen once is decided by `StateStore.change`. After a turn that throws,
   * the next one follows after `everyMs` too; the first failure in a row is logged, and its end.
   */
  readonly turn: (stop: AbortSignal) => Promise<void>;
}

export interface LeaderOptions {
  readonly redis: RedisClient;
  /** Unique among the replicas. */
  readonly instance: string;
  readonly duties: readonly Duty[];
  readonly log: Logger;
  /** How long a replica that died stays the leader. */
  readonly leaseMs?: number;
}

export interface Leader {
  /** This replica holds the lease. Another one may hold it too for the moment in which it ends. */
  readonly leads: boolean;
  /**
   * Ends the turns in progress, then gives the lease to the next replica. A turn that has not ended after a second is
   * not waited for: it may wait for a service that does not answer, and each of its changes is decided by
   * `StateStore.change`.
   */
  close(): Promise<void>;
}

const LEASE_MS = 12_000;
const LAST_TURN_MS = 1_000;

export function bindLeaseScripts(redis: RedisClient) {
  const file = (name: string) => new URL(`../../lua/${name}.lua`, import.meta.url);
  return {
    holdLease: bindScript(redis, file("hold_lease"), ["lease"], oneOf("ok", "other")),
    releaseLease: bindScript(redis, file("release_lease"), ["lease"], oneOf("ok", "other")),
  };
}

/**
 * Does the duties while this replica holds the lease. All duties belong to one leader, and one that dies is replaced
 * after at most `leaseMs` and a third of it. While Redis is away, nobody leads.
 */
export function lead({ redis, instance, duties, log, leaseMs = LEASE_MS }: LeaderOptions): Leader {
  const { holdLease, releaseLease } = bindLeaseScripts(redis);
  const keys = { lease: stateKey("leader") };
  const stopping = new AbortController();
  let term: AbortController | undefined;
  let working: Promise<unknown> = Promise.resolve();

  const begin = (): void => {
    const begun = new AbortController();
    term = begun;
    log.info("leads: does the duties that one replica does at a time");
    // A new term waits for the turns of the one before, so a turn never runs twice at once in this process.
    working = working.then(() => Promise.all(duties.map((duty) => repeat(duty, begun.signal, log))));
  };
  const end = (): void => {
    term?.abort();
    term = undefined;
  };
  let expiry: NodeJS.Timeout | undefined;
  const renew = async (): Promise<void> => {
    // The lease is counted from before the call, so that it never outlives the one in Redis.
    const calledAt = performance.now();
    const held = await holdLease(keys, instance, leaseMs);
    if (held === "other") return end();
    clearTimeout(expiry);
    expiry = setTimeout(end, leaseMs - (performance.now() - calledAt));
    if (term === undefined && !stopping.signal.aborted) begin();
  };
  const renewing = (async () => {
    while (!stopping.signal.aborted) {
      await renew().catch((err: unknown) => log.warn({ err }, "the lease of the leader could not be renewed"));
      await pause(leaseMs / 3, stopping.signal);
    }
    clearTimeout(expiry);
  })();
  return {
    get leads() {
      return term !== undefined;
    },
    close: async () => {
      stopping.abort();
      end();
      await Promise.all([renewing, within(LAST_TURN_MS, working, () => undefined)]);
      await releaseLease(keys, instance).catch((err: unknown) =>
        log.warn({ err }, "the lease could not be given back"),
      );
    },
  };
}

async function repeat({ name, everyMs, turn }: Duty, stop: AbortSignal, log: Logger): Promise<void> {
  const failures = failuresLog(log, {
    failed: "a duty of the leader failed, trying again",
    again: "a duty of the leader succeeds again",
    fields: { duty: name },
  });
  while (!stop.aborted) {
    await turn(stop).then(
      () => failures.succeeded(),
      (err: unknown) => {
        if (!stop.aborted) failures.failed(err);
      },
    );
    await pause(everyMs, stop);
  }
}
