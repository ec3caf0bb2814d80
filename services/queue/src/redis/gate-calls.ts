import { randomUUID } from "node:crypto";
import { EMERGENCY_TOPIC } from "../domain/emergency/emergency.js";
import type { GateStore } from "../domain/gates/gate-store.js";
import type { Gate } from "../domain/gates/gates.js";
import { type Scope, scopeName } from "../domain/gates/scope.js";
import { engineTopic, GATES_TOPIC } from "../domain/wakes/wakes.js";
import { emergencyResumeData, gateClosedData, gateOpenedData, sessionTimeoutData } from "../messages/event-data.js";
import { channels } from "./keys.js";
import type { Shard } from "./shard.js";

/** How long a bound of adaptive concurrency lasts. */
const BOUND_LASTS_MS = 60 * 60 * 1000;

/** Opens and closes gates. */
export function createGateCalls(shard: Shard): GateStore {
  const { redis, scripts, engines, clock } = shard;
  const { gates, holds, events } = shard.keys;
  const keyOf = ({ kind }: Scope): string => (kind === "budget" ? holds : gates);
  const topics = [GATES_TOPIC, ...engines.map(engineTopic)];
  return {
    gates: async () => (await readGates(shard)).gates,

    async closeGate({ scope, gate, how, announced, login }) {
      const data = announced ? gateClosedData(scope, gate) : "";
      const timeout = login ? sessionTimeoutData(login) : "";
      const args = [scopeName(scope), clock(), JSON.stringify(gate), how, data, timeout, channels.work];
      return decode(await scripts.closeGate({ gates: keyOf(scope), events }, ...args));
    },

    async openGate(scope, { by, closedMs, rampMs } = {}) {
      const event = by ? await openedEvent(shard, scope, by) : NO_EVENT;
      const woken = scope.kind === "emergency" ? [EMERGENCY_TOPIC, ...topics] : topics;
      const opened = await scripts.openGate(
        { gates: keyOf(scope), events },
        scopeName(scope),
        clock(),
        ...event,
        randomUUID(),
        closedMs ?? "",
        rampMs ?? "",
        channels.work,
        ...woken,
      );
      return opened === "ok";
    },

    tellWindows: (data) => scripts.tellWindows({ events }, clock(), data),

    noteHolds: async () => void (await redis.hset(shard.keys.meta, "budgets", await shard.now())),

    async holdsSetMs() {
      const setMs = await redis.hget(shard.keys.meta, "budgets");
      return setMs === null ? undefined : Number(setMs);
    },

    // One shard has nothing to compare its gates with: see `shardedGates`.
    reconcileGates: async () => undefined,

    async openDueGates() {
      const open = (key: string) =>
        scripts.openDueGates({ gates: key }, clock(), BOUND_LASTS_MS, channels.work, ...topics);
      await Promise.all([gates, holds].map(open));
    },
  };
}

type OpenedEvent = readonly [type: string, data: string];
const NO_EVENT: OpenedEvent = ["", ""];

async function openedEvent(
  { redis, keys }: Shard,
  scope: Scope,
  by: { readonly who: string; readonly why: string },
): Promise<OpenedEvent> {
  if (scope.kind !== "emergency") return ["gate.opened", gateOpenedData(scope, by)];
  const stop = await redis.hget(keys.gates, scopeName(scope));
  return ["emergency.resume", emergencyResumeData({ id: stop === null ? "" : (decode(stop).id ?? ""), ...by })];
}

/** Only the scripts write gates, so their shape is trusted. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
export const decodeGate = (json: string): Gate => decode(json);

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const decode = (json: string): Gate & { readonly limit?: number } => JSON.parse(json) as Gate;

const BOUND = "bound/";

/**
 * Reads the gates with those of budgets, and the limits. A limit says how many runs a login may have at the same time
 * after its provider was overloaded. Its name is `engine/account`.
 */
export async function readGates({ redis, keys }: Shard) {
  const [gates, holds] = await Promise.all([redis.hgetall(keys.gates), redis.hgetall(keys.holds)]);
  return decodeGates({ ...gates, ...holds });
}

function decodeGates(entries: Readonly<Record<string, string>>) {
  const gates = new Map<string, Gate>();
  const limits = new Map<string, number>();
  for (const [name, json] of Object.entries(entries)) {
    const entry = decode(json);
    if (name.startsWith(BOUND)) limits.set(name.slice(BOUND.length), entry.limit ?? Number.POSITIVE_INFINITY);
    else gates.set(name, entry);
  }
  return { gates, limits };
}
