import type { RedisClient } from "@ccsp/redis-kit";
import { type Listener, logTopic, type Wakes } from "../domain/wakes/wakes.js";
import { channels } from "./keys.js";

/**
 * Wake-ups from Redis' pub/sub. `subscriber` is a connection only for this. After a loss it subscribes again by itself
 * and wakes all listeners, because messages were missed. `redis` publishes to other processes.
 */
export async function openWakes(
  subscriber: RedisClient,
  redis: RedisClient,
): Promise<Wakes & { close(): Promise<void> }> {
  const listeners = new Map<string, Set<(topic: string) => void>>();
  const wake = (topic: string): void => {
    for (const each of listeners.get(topic) ?? []) each(topic);
  };
  subscriber.on("message", (channel: string, message: string) => {
    if (channel === channels.log) for (const id of message.split(" ")) wake(logTopic(id));
    else wake(message);
  });
  subscriber.on("ready", () => {
    for (const topic of listeners.keys()) wake(topic);
  });
  await subscriber.subscribe(channels.log, channels.work);

  return {
    listen(topics) {
      const { listener, notify } = createListener(() => {
        for (const topic of topics) {
          const set = listeners.get(topic);
          set?.delete(notify);
          if (set?.size === 0) listeners.delete(topic);
        }
      });
      for (const topic of topics) {
        const set = listeners.get(topic) ?? new Set();
        listeners.set(topic, set.add(notify));
      }
      return listener;
    },
    tell(topic) {
      // A message may be lost, such as when Redis is away. `TICK_MS` covers that.
      redis.publish(channels.work, topic).catch(() => undefined);
    },
    async close() {
      subscriber.removeAllListeners("message");
      if (subscriber.status === "ready") await subscriber.unsubscribe();
    },
  };
}

function createListener(onClose: () => void): { listener: Listener; notify: (topic: string) => void } {
  let came = new Set<string>();
  let waiting: (() => void) | undefined;
  const notify = (topic: string): void => {
    came.add(topic);
    waiting?.();
  };
  const listener: Listener = {
    async next(timeoutMs, signal) {
      if (came.size === 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const done = (): void => {
            clearTimeout(timer);
            signal.removeEventListener("abort", done);
            waiting = undefined;
            resolve();
          };
          const timer = setTimeout(done, timeoutMs);
          signal.addEventListener("abort", done);
          waiting = done;
        });
      }
      const topics = came;
      came = new Set();
      return topics;
    },
    remind: notify,
    close: onClose,
  };
  return { listener, notify };
}
