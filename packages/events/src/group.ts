import { bindScript, oneOf, type RedisClient, type RedisConnection } from "@ccsp/redis-kit";
import { eventsKey, parkedKey } from "./event-stream.js";
import { dueAfterMs, type PendingEntry, type Redelivery } from "./redelivery.js";

export interface Entry {
  readonly id: string;
  readonly fields: readonly string[];
  /** This delivery included. */
  readonly deliveries: number;
}

/** At the oldest entry that is kept, or at the next one that comes. */
export type GroupStart = "oldest" | "now";

/** One consumer's place in a consumer group on one partition: the Redis commands, without any policy. */
export interface Group {
  /** Makes stream and group where they are missing. `from` says where a new group starts; one that exists stays where it is. */
  ensure(from: GroupStart): Promise<void>;
  /** New entries, or none after `blockMs`. On the caller's own blocking connection. */
  read(reader: RedisClient, count: number, blockMs: number): Promise<Entry[]>;
  /** Takes pending entries that are due again, its own and dead consumers'. Call it only while none is being handled. */
  claimDue(rule: Redelivery): Promise<Entry[]>;
  /** Says that entries are still being worked on, so that nobody takes them for abandoned. */
  keep(ids: readonly string[]): Promise<void>;
  ack(id: string): Promise<void>;
  park(id: string, why: string): Promise<void>;
  /** Offers unfinished entries to the others and leaves the group. */
  leave(): Promise<void>;
  /** Forgets consumers that have been silent for a day: each restart brings a new name. */
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
      // [[key, entries]] for the one stream, or null.
      return entries(asList(asList(asList(reply)[0])[1])).map((entry) => ({ ...entry, deliveries: 1 }));
    },
    claimDue: async (rule) => {
      const claimed: Entry[] = [];
      for await (const pending of allPending(client, stream, group, rule.firstBackoffMs)) {
        const dueMs = dueAfterMs(rule, pending, consumer);
        if (pending.idleMs < dueMs) continue;
        // The idle time guards the claim: of two that found the entry, one gets it.
        const reply: unknown = await client.call("xclaim", stream, group, consumer, dueMs, pending.id);
        for (const entry of entries(asList(reply))) claimed.push({ ...entry, deliveries: pending.deliveries + 1 });
      }
      return claimed;
    },
    keep: async (ids) => {
      if (ids.length > 0) await client.call("xclaim", stream, group, consumer, 0, ...ids, "JUSTID");
    },
    ack: async (id) => {
      await client.xack(stream, group, id);
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

/** Whether Redis refused with this word, such as NOGROUP. */
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
  // A claimed entry that was trimmed away is null.
  return list
    .map(asList)
    .filter((item) => item.length === 2)
    .map(([id, fields]) => ({ id: String(id), fields: asList(fields).map(String) }));
}

function fieldsOf(info: unknown): Map<string, unknown> {
  const list = asList(info);
  const fields = new Map<string, unknown>();
  for (let at = 0; at + 1 < list.length; at += 2) fields.set(String(list[at]), list[at + 1]);
  return fields;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
