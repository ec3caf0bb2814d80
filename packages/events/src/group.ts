import { asList, bindScript, fieldsOf, oneOf, type RedisClient, type RedisConnection } from "@ccsp/redis-kit";
import { eventsKey, parkedKey } from "./event-stream.js";
import { dueAfterMs, type PendingEntry, type Redelivery } from "./redelivery.js";

export interface Entry {
  readonly id: string;
  readonly fields: readonly string[];
  /** The number of deliveries, including this one. */
  readonly deliveries: number;
}

/** Start at the oldest kept entry, or at the next new entry. */
export type GroupStart = "oldest" | "now";

/** One consumer of a consumer group on one partition. It has only the Redis commands and no policy. */
export interface Group {
  /**
   * Makes the stream and the group if they do not exist. `from` is the start of a new group. An existing group keeps
   * its position.
   */
  ensure(from: GroupStart): Promise<void>;
  /** Returns new entries, or none after `blockMs`. It uses the caller's own blocking connection. */
  read(reader: RedisClient, count: number, blockMs: number): Promise<Entry[]>;
  /**
   * Takes pending entries that are due again: its own entries and those of dead consumers. Call it only while no entry
   * is being handled.
   */
  claimDue(rule: Redelivery): Promise<Entry[]>;
  /** Shows that these entries are still in work, so that no other consumer takes them over. */
  keep(ids: readonly string[]): Promise<void>;
  ack(ids: readonly string[]): Promise<void>;
  park(id: string, why: string): Promise<void>;
  /** Offers unfinished entries to the other consumers and leaves the group. */
  leave(): Promise<void>;
  /** Deletes consumers that have been silent for a day, because each restart may add a new name. */
  forgetSilent(): Promise<void>;
}

const PAGE = 100;
const PARKED_KEPT = 1_000;
const SILENT_MS = 86_400_000;

const lua = (name: string): URL => new URL(`../lua/${name}.lua`, import.meta.url);

export function bindGroupScripts(client: RedisClient) {
  return {
    makeGroup: bindScript(client, lua("make_group"), ["stream"], oneOf("ok", "there")),
    parkEntry: bindScript(client, lua("park_entry"), ["stream", "parked"], oneOf("ok", "gone")),
    leaveGroup: bindScript(client, lua("leave_group"), ["stream"], oneOf("ok", "pending")),
  };
}

export function createGroup(redis: RedisConnection, partition: number, group: string, consumer: string): Group {
  const { client } = redis;
  const stream = eventsKey(partition);
  const { makeGroup, parkEntry, leaveGroup } = bindGroupScripts(client);

  return {
    ensure: async (from) => void (await makeGroup({ stream }, group, from === "now" ? "$" : "0")),
    read: async (reader, count, blockMs) => {
      const blocks = ["COUNT", count, "BLOCK", blockMs, "STREAMS", stream, ">"] as const;
      const reply: unknown = await reader.xreadgroup("GROUP", group, consumer, ...blocks);
      // The reply is [[key, entries]] for the one stream, or null.
      return entries(asList(asList(asList(reply)[0])[1])).map((entry) => ({ ...entry, deliveries: 1 }));
    },
    claimDue: async (rule) => {
      const claimed: Entry[] = [];
      for await (const pending of allPending(client, stream, group, rule.firstBackoffMs)) {
        const dueMs = dueAfterMs(rule, pending, consumer);
        if (pending.idleMs < dueMs) continue;
        // The idle time guards the claim: if two consumers find the entry, only one gets it.
        const reply: unknown = await client.call("xclaim", stream, group, consumer, dueMs, pending.id);
        for (const entry of entries(asList(reply))) claimed.push({ ...entry, deliveries: pending.deliveries + 1 });
      }
      return claimed;
    },
    keep: async (ids) => {
      if (ids.length > 0) await client.call("xclaim", stream, group, consumer, 0, ...ids, "JUSTID");
    },
    ack: async (ids) => {
      await client.xack(stream, group, ...ids);
    },
    park: async (id, why) => {
      await parkEntry({ stream, parked: parkedKey(partition, group) }, group, id, why, PARKED_KEPT);
    },
    leave: async () => {
      await leaveGroup({ stream }, group, consumer, SILENT_MS);
    },
    forgetSilent: async () => {
      const reply: unknown = await client.xinfo("CONSUMERS", stream, group);
      for (const info of asList(reply)) {
        const about = fieldsOf(info);
        if (Number(about.get("idle")) < SILENT_MS) continue;
        await leaveGroup({ stream }, group, String(about.get("name")), SILENT_MS);
      }
    },
  };
}

/** Whether the error is a reply of Redis that begins with this word, for example NOGROUP. */
export function isReply(error: unknown, word: string): boolean {
  return error instanceof Error && new RegExp(`^(ERR )?${word}\\b`).test(error.message);
}

async function* allPending(
  client: RedisClient,
  stream: string,
  group: string,
  minIdleMs: number,
): AsyncGenerator<PendingEntry> {
  let from = "-";
  for (;;) {
    const reply: unknown = await client.xpending(stream, group, "IDLE", minIdleMs, from, "+", PAGE);
    const page = asList(reply).map((item) => {
      const [id, consumer, idleMs, deliveries] = asList(item);
      return { id: String(id), consumer: String(consumer), idleMs: Number(idleMs), deliveries: Number(deliveries) };
    });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    from = `(${last.id}`;
  }
}

function entries(list: readonly unknown[]): { id: string; fields: string[] }[] {
  // Redis returns null for a claimed entry that was trimmed away.
  return list
    .map(asList)
    .filter((item) => item.length === 2)
    .map(([id, fields]) => ({ id: String(id), fields: asList(fields).map(String) }));
}
