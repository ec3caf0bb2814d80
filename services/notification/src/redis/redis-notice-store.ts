import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { NoticeStore } from "../domain/notice-store.js";
import { deliveryCalls } from "./delivery-calls.js";
import { listReads } from "./list-reads.js";
import { noticeCalls } from "./notice-calls.js";
import { noticeReads } from "./notice-reads.js";
import { bindNoticeScripts } from "./scripts.js";

export interface NoticeStoreOptions {
  /** All channels of the configuration. */
  readonly channels: readonly string[];
  readonly log: Logger;
  /** Deliveries in the list, ended notices with their attempts, and ended incidents that are kept. */
  readonly kept?: number;
  /** Time between the first message of an incident and the one with the number of its repeats. It doubles each time. */
  readonly digestMs?: number;
  /** Failures of a channel in a row after which it is tried with one delivery at a time. */
  readonly breakAfter?: number;
  /** The time in ms, for tests. Undefined: the clock of Redis. */
  readonly clock?: (() => number) | undefined;
}

/** Keeps the notices in Redis. All of it is on one node. */
export function createRedisNoticeStore(
  redis: RedisClient,
  { channels, log, kept = 10_000, digestMs = 60_000, breakAfter = 5, clock }: NoticeStoreOptions,
): NoticeStore {
  const shared = { redis, scripts: bindNoticeScripts(redis), channels, clock };
  return {
    ...noticeCalls(shared, { kept, digestMs }),
    ...deliveryCalls(shared, { kept, breakAfter }),
    ...noticeReads(shared),
    ...listReads(shared, { log }),
  };
}
