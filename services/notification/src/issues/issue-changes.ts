import { orUnavailable, type RedisConnection } from "@ccsp/redis-kit";
import { pause } from "@ccsp/timing";

/** Trackers say that an issue has changed. It only wakes who watches the issue: they read it from the tracker. */
export interface IssueChanges {
  /** Tells all replicas. `url` is where people read the issue. Refuses with DEPENDENCY_UNAVAILABLE if Redis is away. */
  tell(url: string): Promise<void>;
  follow(): IssueFollower;
}

/** One who watches an issue. */
export interface IssueFollower {
  /**
   * Resolves when an issue at these addresses changes, after `ms`, or when `signal` aborts: at once, if one has changed
   * since the last wait for it. Returns the addresses of those that have changed.
   */
  wait(urls: readonly string[], ms: number, signal: AbortSignal): Promise<readonly string[]>;
  close(): void;
}

/** Messages may be lost, so watchers also ask the tracker from time to time. */
const CHANNEL = "ccsp:notify:issue-changes";

export async function openIssueChanges(redis: RedisConnection): Promise<IssueChanges & { close(): Promise<void> }> {
  const followers = new Set<(url: string) => void>();
  const hear = (_channel: string, url: string): void => {
    for (const tell of followers) tell(url);
  };
  const subscriber = await redis.duplicate();
  subscriber.on("message", hear);
  await subscriber.subscribe(CHANNEL);
  return {
    tell: async (url) => void (await orUnavailable(redis.client, () => redis.client.publish(CHANNEL, url))),
    follow() {
      let followed: readonly string[] = [];
      const changed = new Set<string>();
      let wake = (): void => undefined;
      const tell = (url: string): void => {
        if (!followed.includes(url)) return;
        changed.add(url);
        wake();
      };
      followers.add(tell);
      return {
        async wait(urls, ms, signal) {
          followed = urls;
          const waiting = new AbortController();
          wake = () => waiting.abort();
          if (changed.size === 0) await pause(ms, AbortSignal.any([signal, waiting.signal]));
          const told = [...changed];
          changed.clear();
          return told;
        },
        close: () => void followers.delete(tell),
      };
    },
    async close() {
      subscriber.off("message", hear);
      redis.release(subscriber);
    },
  };
}
