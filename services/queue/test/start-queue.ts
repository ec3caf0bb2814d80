import assert from "node:assert/strict";
import { load } from "@ccsp/config";
import { freePort, type Health } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { runService, startService } from "@ccsp/lifecycle";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { eventually } from "@ccsp/testkit";
import { queueService } from "../src/index.js";
import { log } from "./world.js";

/** Only a test of an overload sets other values: a busy machine is not a reason to refuse the calls of the others. */
const NEVER_OVERLOADED = { CCSP_QUEUE_OVERLOAD_LOOP_DELAY: "10m", CCSP_QUEUE_OVERLOAD_CALL: "10m" };

/** Starts the whole service in this process, as a replica over the Redis at this URL, and a client of it. */
export async function startQueue(redisUrl: string, env: Record<string, string> = {}) {
  const [port, opsPort] = [await freePort(), await freePort()];
  const { config } = load(
    {
      CCSP_REDIS_URL: redisUrl,
      CCSP_QUEUE_LISTEN: `127.0.0.1:${port}`,
      CCSP_QUEUE_OPS_LISTEN: `127.0.0.1:${opsPort}`,
      CCSP_LAME_DUCK: "10ms",
      ...NEVER_OVERLOADED,
      ...env,
    },
    queueService.define,
  );
  const stop = new AbortController();
  const exit = runService(log, (context) => startService(queueService, config, context), {
    stop: stop.signal,
    handleSignals: false,
  });
  const ops = async (path: string) => fetch(`http://127.0.0.1:${opsPort}${path}`);
  await eventually(async () => assert.equal((await ops("/ready")).status, 200));
  const client = createClient(QueueServiceService, `127.0.0.1:${port}`);
  return {
    client,
    ops,
    /** Names of the dependencies that do not answer. */
    failing: async () => {
      const { failing }: Health = JSON.parse(await (await ops("/health?verbose")).text());
      return Object.keys(failing);
    },
    async stop() {
      stop.abort();
      assert.equal(await exit, 0);
      client.close();
    },
  };
}
