/**
 * Writes to Redis as fast as it is answered, until its standard input ends: each write with a wait for two replicas. It
 * prints a line of JSON for each. Then it reads what was confirmed, and prints what is lost.
 *
 *   node redis-probe.ts URL SENTINEL-LOGIN CA-FILE
 */
import { pino } from "pino";
import { openRedis, orUnavailable } from "../src/index.js";

const [url = "", sentinelLogin = "", caFile = ""] = process.argv.slice(2);
const redis = await openRedis({ url, sentinelLogin, caFile }, { log: pino({ level: "silent" }), name: "probe" });
const { client } = redis;
const confirmed: number[] = [];
const ended = new AbortController();
process.stdin.resume().once("end", () => ended.abort());
const say = (line: object): void => console.log(JSON.stringify(line));
for (let at = 0; !ended.signal.aborted; at++) {
  const begunMs = Date.now();
  try {
    await orUnavailable(client, () => client.hset("probe", String(at), "x"));
    // WAIT counts the replicas that have the last write of its own connection, which may be another than before. So it
    // follows a write, and the first one is read again, as the queue does.
    await orUnavailable(client, () => client.set("barrier", at));
    const replicas = await orUnavailable(client, () => client.wait(2, 500));
    if (replicas >= 2 && (await orUnavailable(client, () => client.hexists("probe", String(at)))) === 1)
      confirmed.push(at);
    say({ begunMs, endedMs: Date.now(), replicas });
  } catch (error) {
    say({
      begunMs,
      endedMs: Date.now(),
      refused: error instanceof Error ? (error.cause instanceof Error ? error.cause : error).message : "",
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const found = new Set(await client.hkeys("probe"));
say({ confirmed: confirmed.length, lost: confirmed.filter((each) => !found.has(String(each))).length });
await redis.close();
