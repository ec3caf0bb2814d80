import { randomUUID } from "node:crypto";
import type { Authenticator } from "@ccsp/authentication";
import type { RedisClient } from "@ccsp/redis-kit";
import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import { CallLimits, type UseLimits } from "./call-limits.js";
import { Lockout } from "./lockout.js";
import { withLockout } from "./log-in.js";
import { reportedCalls, sharedFailures, sharedUse } from "./redis-store.js";
import type { LimitSettings, UseSettings } from "./settings.js";
import { SharedCalls } from "./shared-calls.js";
import { SharedRate } from "./shared-rate.js";

/** The limits of this replica for its callers. */
export interface Limits {
  readonly calls: CallLimits;
  /** Adds the lockout to an authenticator. */
  withLockout(authenticator: Authenticator): Authenticator;
  /** Reports that this replica has no calls any more. Never rejects. */
  close(): Promise<void>;
}

/** The replicas report to each other this often. */
const SYNC_MS = 250;
/** A caller may use what it may use in this time at once. */
const WINDOW_MS = 10_000;
const LEASE_MS = 15_000;
/** The failed log-ins of an address, whatever their names, are limited to this many times those of one name. */
const NAMES = 10;
const CLOSE_MS = 1_000;

export function openLimits(redis: RedisClient, settings: LimitSettings, log: Logger): Limits {
  const replica = randomUUID();
  const rate = (name: string, points: number, windowMs = WINDOW_MS): SharedRate => {
    const limit = { points, windowMs };
    return new SharedRate({ ...limit, add: sharedUse(redis, name, limit) });
  };
  const uses = (name: string, { requestsPerSecond, bytesPerSecond, calls }: UseSettings): UseLimits => ({
    requests: rate(`${name}_requests`, (requestsPerSecond * WINDOW_MS) / 1_000),
    bytes: rate(`${name}_bytes`, (bytesPerSecond * WINDOW_MS) / 1_000),
    calls: new SharedCalls({
      max: calls,
      leaseMs: LEASE_MS,
      report: reportedCalls(redis, `${name}_calls`, { replica, leaseMs: LEASE_MS }),
    }),
  });
  const caller = uses("caller", settings.caller);
  const address = uses("address", settings.address);
  const failures = rate("address_failures", settings.failedLogins * NAMES);
  const anonymous = rate("address_anonymous", settings.failedLogins * NAMES);
  const lockout = new Lockout({
    failures: settings.failedLogins,
    store: sharedFailures(redis, settings.failedLogins),
    onLocked: (who, ms) => log.warn({ who, ms }, "a caller failed to log in too often and is locked out"),
  });

  const sync = async (): Promise<void> => {
    for (const each of [caller.requests, caller.bytes, address.requests, address.bytes, failures, anonymous])
      each.sync();
    await Promise.all([caller.calls.sync(), address.calls.sync()]);
  };
  const timer = setInterval(() => void sync(), SYNC_MS);
  timer.unref();
  return {
    calls: new CallLimits({ caller, address }),
    withLockout: (authenticator) => withLockout(authenticator, { lockout, failures, anonymous }),
    async close() {
      clearInterval(timer);
      await within(CLOSE_MS, sync(), () => undefined);
    },
  };
}
