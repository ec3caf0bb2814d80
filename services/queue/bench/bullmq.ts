import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { PROMPT } from "./ours.js";

const NAME = "bench";
const PRIORITIES = 4;

/** BullMQ with its default settings, the same payload and four priorities. */
export async function openBullmq(url: string) {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue(NAME, { connection });
  await queue.waitUntilReady();
  return {
    enqueue: (index: number) =>
      queue.add("run", { prompt: PROMPT }, { priority: 1 + (Math.floor(index / 8) % PRIORITIES) }),

    /**
     * `drain` resolves when a worker that does nothing has completed `count` jobs. The time does not include its
     * connecting.
     */
    async startWorker(slots: number): Promise<{ drain(count: number): Promise<void>; close(): Promise<void> }> {
      const worker = new Worker(NAME, async () => undefined, { connection, concurrency: slots, autorun: false });
      await worker.waitUntilReady();
      return {
        drain(count) {
          let left = count;
          return new Promise<void>((resolve, reject) => {
            worker.on("completed", () => {
              left -= 1;
              if (left === 0) resolve();
            });
            worker.on("error", reject);
            worker.run().catch(reject);
          });
        },
        close: () => worker.close(),
      };
    },

    async close() {
      await queue.close();
      connection.disconnect();
    },
  };
}
