import { readFile } from "node:fs/promises";
import { inflateRawSync } from "node:zlib";
import type * as sdk from "@ccsp/client";
import type { MessageClient } from "@ccsp/client/messages";
import type { createClient } from "@ccsp/grpc-kit";
import type { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Redis } from "ioredis";

/** The release whose data and client ../fixtures has: the last one. */
export const RELEASE = "0.3.0";

const FIXTURES = new URL(`../fixtures/${RELEASE}/`, import.meta.url);

/** The data that a release stored; see fixtures/README.md. */
export interface Stored {
  /** The ids of the tasks and of a conversation, by their names in the recorder. */
  readonly ids: Readonly<Record<string, string>>;
  /** The fences of the leases that were held. */
  readonly fences: Readonly<Record<string, bigint>>;
}

/**
 * Writes the data that the release stored into an empty `redis`. It looks as if it was stored `ageMs` ago: all times
 * move by the same amount, also those inside the ids of leases and places.
 */
export async function restoreStored(redis: Redis, { ageMs = 0 } = {}): Promise<Stored> {
  const text = await readFile(new URL("stored.jsonl", FIXTURES), "utf8");
  const recordedMs = Number(/"recordedMs":(\d+)/.exec(text)?.[1]);
  // Every time moves by the same amount, because the fence of a lease occurs in several places.
  const byMs = Date.now() - ageMs - recordedMs;
  const moved = (time: number): number => time + byMs;
  const lines = text
    .replace(/(?<![\da-z.])1[78]\d{11}(?![\da-z])/g, (ms) => String(moved(Number(ms))))
    .replace(/(?<=\/)1[9a-f][\da-f]{9}(?=\/)/g, (ms) => moved(Number.parseInt(ms, 16)).toString(16))
    .trim()
    .split("\n");
  const [head, ...commands] = lines.map((line): unknown => JSON.parse(line));
  for (const command of commands) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the recorder writes them
    const [name = "", ...args] = (command as readonly (string | { deflated: string })[]).map((argument) =>
      typeof argument === "string" ? argument : inflateRawSync(Buffer.from(argument.deflated, "base64")),
    );
    await redis.call(String(name), ...args);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the recorder writes it
  const { ids, fences } = head as { ids: Record<string, string>; fences: Record<string, string> };
  return { ids, fences: Object.fromEntries(Object.entries(fences).map(([name, fence]) => [name, BigInt(fence)])) };
}

/**
 * The SDK of the release, and its wire definitions. The types are those of today. If they have a field that the release
 * did not have, that field is missing at run time.
 */
export type EarlierClient = Omit<typeof sdk, "createCcspClient"> & {
  readonly createCcspClient: (options: sdk.ClientOptions) => EarlierCalls;
  readonly wire: {
    readonly createClient: typeof createClient;
    readonly AgentServiceService: typeof AgentServiceService;
    readonly QueueServiceService: typeof QueueServiceService;
  };
};

/** Results of release 0.3.0 were messages. The numbers of tokens in the result of a run are bigints. */
export type EarlierCalls = Omit<sdk.CcspClient, "cancel" | "get" | "watch"> &
  Pick<MessageClient, "cancel" | "get" | "watch">;

export async function loadClient(): Promise<EarlierClient> {
  const loaded: unknown = await import(new URL("client.mjs", FIXTURES).href);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see the type
  return loaded as EarlierClient;
}
