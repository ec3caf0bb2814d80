import type { RedisSettings } from "@ccsp/config";
import { messageOf } from "../process/exit.js";
import { type Found, fail, ok, skip, warn } from "./finding.js";
import { openForChecks, type RedisServer, serversOf } from "./redis-servers.js";
import type { Site } from "./site.js";

/** The oldest release with all commands that the scripts use. */
const OLDEST = 7;
/** Above this share of `maxmemory`, the queue refuses new tasks. */
const FULL_SHARE = 0.9;
const NEARLY_FULL_SHARE = 0.8;

export async function checkRedis({ redis, fleet }: Site): Promise<readonly Found[]> {
  if (redis !== undefined) return look(redis);
  return [skip("Redis", fleet ? "an older `ccsp up` runs the fleet" : "none is named (CCSP_REDIS_URL)")];
}

async function look(redis: RedisSettings): Promise<readonly Found[]> {
  try {
    return await openForChecks(redis, async (connection) =>
      (await Promise.all(serversOf(connection).map(checkServer))).flat(),
    );
  } catch (error) {
    const mend =
      "start Redis, or correct CCSP_REDIS_URL and its TLS files; with appendfsync always, Redis ends when its disk is full: see its log, and docs/runbooks.md#disk-full";
    return [fail("Redis", messageOf(error), mend)];
  }
}

async function checkServer({ name, client }: RedisServer): Promise<readonly Found[]> {
  const facts = new Map<string, string>();
  for (const section of ["server", "memory", "persistence", "replication"]) {
    for (const [, key = "", value = ""] of (await client.info(section)).matchAll(/^(\w+):(.*?)\r?$/gm)) {
      facts.set(key, value);
    }
  }
  const fact = (key: string) => facts.get(key) ?? "";
  return [
    judgeVersion(name, fact("redis_version")),
    ...judgeAppendOnly(name, fact),
    await judgeSync({ name, client }),
    judgeEviction(name, fact("maxmemory_policy")),
    judgeMemory(name, Number(fact("used_memory")), Number(fact("maxmemory"))),
  ];
}

function judgeVersion(name: string, version: string): Found {
  if (Number.parseInt(version, 10) >= OLDEST) return ok(name, `version ${version}`);
  return fail(name, `version ${version} is older than ${OLDEST}.0`, `install Redis ${OLDEST}.0 or newer, or Valkey`);
}

function judgeAppendOnly(name: string, fact: (key: string) => string): readonly Found[] {
  if (fact("aof_enabled") !== "1") {
    return [
      fail(
        name,
        "it has no append-only file: a restart of Redis loses accepted tasks",
        "CONFIG SET appendonly yes, and write it into redis.conf (deploy/redis.conf)",
      ),
    ];
  }
  const failed = ["aof_last_write_status", "aof_last_bgrewrite_status"].filter((key) => fact(key) === "err");
  if (failed.length === 0) return [ok(name, "it has an append-only file")];
  return [fail(name, `${failed.join(" and ")}: the last write failed`, "make room on its disk, and look into its log")];
}

/** `INFO` does not have the setting, and the users of the services may not read settings. */
async function judgeSync({ name, client }: RedisServer): Promise<Found> {
  let value: string;
  try {
    value = String([await client.config("GET", "appendfsync")].flat(2)[1]);
  } catch (error) {
    return skip(name, `appendfsync is not known: ${messageOf(error).split("\n", 1)[0]}`);
  }
  if (value === "always") return ok(name, "each write is on disk before it is answered (appendfsync always)");
  return warn(
    name,
    `appendfsync is ${value}: a power cut loses tasks that were accepted in the last second`,
    "set appendfsync always, if no accepted task may be lost (docs/queue-operations.md)",
  );
}

function judgeEviction(name: string, policy: string): Found {
  if (policy === "noeviction") return ok(name, "it evicts nothing (maxmemory-policy noeviction)");
  return fail(
    name,
    `maxmemory-policy is ${policy}: when its memory is full, Redis deletes accepted tasks`,
    "CONFIG SET maxmemory-policy noeviction, and write it into redis.conf",
  );
}

function judgeMemory(name: string, used: number, most: number): Found {
  if (!(most > 0)) return ok(name, "it has no maxmemory");
  const share = used / most;
  const words = `${Math.round(share * 100)} % of maxmemory is used`;
  const mend = "raise maxmemory, or keep fewer ended tasks (docs/queue-operations.md)";
  if (share > FULL_SHARE) return fail(name, `${words}: new tasks are refused`, mend);
  return share > NEARLY_FULL_SHARE ? warn(name, words, mend) : ok(name, words);
}
