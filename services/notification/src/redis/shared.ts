import type { RedisClient } from "@ccsp/redis-kit";
import type { NoticeScripts } from "./scripts.js";

/** What all parts of the storage need. */
export interface Shared {
  readonly redis: RedisClient;
  readonly scripts: NoticeScripts;
  /** All channels of the configuration. */
  readonly channels: readonly string[];
  /** The time in ms, for tests. Undefined: the clock of Redis. */
  readonly clock: (() => number) | undefined;
}

/** The time as the scripts take it. */
export const timeOf = ({ clock }: Pick<Shared, "clock">): string => (clock === undefined ? "" : String(clock()));
