import { randomUUID } from "node:crypto";
import type { RedisClient } from "@ccsp/redis-kit";
import { EMERGENCY_TOPIC } from "../domain/emergency/emergency.js";
import type { BlockedStore, GateStore, LimitStore } from "../domain/gates/gate-store.js";
import type { Gate } from "../domain/gates/gates.js";
import { type Scope, scopeName } from "../domain/gates/scope.js";
import { engineTopic, GATES_TOPIC } from "../domain/wakes/wakes.js";
import { emergencyResumeData, gateClosedData, gateOpenedData, sessionTimeoutData } from "../messages/event-data.js";
import { channels, type QueueKeys } from "./keys.js";
import type { Scripts } from "./scripts.js";

// Of adaptive concurrency: runs that were started together fail within this time of each other.
const HALVE_EVERY_MS = 10_000;
const GROW_AFTER = 3;
const BOUND_LASTS_MS = 60 * 60 * 1000;
// Each lease is read for it: 3 µs of Redis.
const MEND_EVERY_MS = 30_000;
const PAGE = 500;

/** What keeps work back, and lets it go on. */
export function createGateCalls(
  redis: RedisClient,
  scripts: Scripts,
  { gates, events, running, tasks, leases, meta, bench, blocked, refills }: QueueKeys,
  { engines, clock }: { readonly engines: readonly string[]; readonly clock: () => number | "" },
): GateStore & LimitStore & BlockedStore {
  const topics = [GATES_TOPIC, ...engines.map(engineTopic)];
  const blockedFor = async (reason: string, count: number): Promise<string[]> => {
    const members = await redis.zrangebylex(blocked, `[${reason}/`, `(${reason}0`, "LIMIT", 0, count);
    return members.map((member) => member.slice(member.lastIndexOf("/") + 1));
  };

  const openedEvent = async (scope: Scope, by: { who: string; why: string }): Promise<[type: string, data: string]> => {
    if (scope.kind !== "emergency") return ["gate.opened", gateOpenedData(scope, by)];
    const stop = await redis.hget(gates, scopeName(scope));
    return ["emergency.resume", emergencyResumeData({ id: stop === null ? "" : (decode(stop).id ?? ""), ...by })];
  };

  return {
    gates: async () => decodeGates(await redis.hgetall(gates)).gates,

    async closeGate({ scope, gate, how, told, login }) {
      const data = told ? gateClosedData(scope, gate) : "";
      const timeout = login ? sessionTimeoutData(login) : "";
      const args = [scopeName(scope), clock(), JSON.stringify(gate), how, data, timeout, channels.work];
      return decode(await scripts.closeGate({ gates, events }, ...args));
    },

    async openGate(scope, by, closedMs) {
      const told = by ? await openedEvent(scope, by) : NO_EVENT;
      const woken = scope.kind === "emergency" ? [EMERGENCY_TOPIC, ...topics] : topics;
      const opened = await scripts.openGate(
        { gates, events },
        scopeName(scope),
        clock(),
        ...told,
        randomUUID(),
        closedMs ?? "",
        channels.work,
        ...woken,
      );
      return opened === "ok";
    },

    mendGates: async () => undefined,

    openDueGates: () => scripts.openDueGates({ gates }, clock(), BOUND_LASTS_MS, channels.work, ...topics),

    adaptBound: ({ engine, account }, what) =>
      scripts.adaptBound(
        { gates, running },
        `${engine}/${account}`,
        clock(),
        what,
        HALVE_EVERY_MS,
        GROW_AFTER,
        channels.work,
        GATES_TOPIC,
        engineTopic(engine),
      ),

    unthrottleRefilled: () => scripts.liftRefilled({ bench, refills }, clock(), channels.work),

    unthrottle: (agent = "") => scripts.liftBench({ bench }, agent, channels.work),

    mendRunning: () => scripts.mendRunning({ running, tasks, leases, meta }, clock(), MEND_EVERY_MS),

    async blockedIds(room) {
      const ids: string[] = [];
      for (let from = "-"; ; ) {
        const [next] = await redis.zrangebylex(blocked, from, "+", "LIMIT", 0, 1);
        if (next === undefined) return ids;
        const reason = next.split("/").slice(0, -2).join("/");
        const runs = await redis.hget(running, reason);
        ids.push(...(await blockedFor(reason, Math.min(room(reason, Number(runs)), PAGE))));
        from = `(${reason}0`;
      }
    },

    async firstBlocked(_, reason) {
      const [id] = await blockedFor(reason, 1);
      return id;
    },
  };
}

const NO_EVENT = ["", ""] as const;

/** Only the scripts write gates, so their shape is trusted. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const decode = (json: string): Gate & { readonly limit?: number } => JSON.parse(json) as Gate;

const BOUND = "bound/";

/** The hash of gates, and of what a login may run at once since its provider was overloaded, by engine/account. */
export function decodeGates(entries: Readonly<Record<string, string>>) {
  const gates = new Map<string, Gate>();
  const limits = new Map<string, number>();
  for (const [name, json] of Object.entries(entries)) {
    const entry = decode(json);
    if (name.startsWith(BOUND)) limits.set(name.slice(BOUND.length), entry.limit ?? Number.POSITIVE_INFINITY);
    else gates.set(name, entry);
  }
  return { gates, limits };
}
