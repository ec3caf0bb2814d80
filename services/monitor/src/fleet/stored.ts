import { InstanceReport } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import type { RedisClient } from "@ccsp/redis-kit";
import { openState, type StateStore } from "../state/state-store.js";
import type { Known } from "./fleet.js";
import type { Health } from "./health.js";

/** An instance in Redis. The report is a protobuf message, so that releases before and after can read it. */
interface Stored extends Omit<Known, "report"> {
  readonly report: string;
}

/** Opens what replicas share of the fleet. */
export function openFleetState(redis: RedisClient): StateStore<Known> {
  const stored = openState<Stored>(redis, "fleet", parse);
  const known = <E extends { readonly value: Stored }>(entry: E) => ({
    ...entry,
    value: { ...entry.value, report: InstanceReport.decode(Buffer.from(entry.value.report, "base64")) },
  });
  const pack = ({ report, ...rest }: Known): Stored => ({
    ...rest,
    report: Buffer.from(InstanceReport.encode(report).finish()).toString("base64"),
  });
  return {
    list: async () => (await stored.list()).map(known),
    get: async (name) => {
      const entry = await stored.get(name);
      return entry && known(entry);
    },
    change: async ({ before, after, ...change }) => {
      const changed = await stored.change({
        ...change,
        before: before && { ...before, value: pack(before.value) },
        after: after && pack(after),
      });
      return typeof changed === "string" ? changed : known(changed);
    },
  };
}

const HEALTHS: readonly unknown[] = ["ok", "late", "draining", "failing", "gone"] satisfies Health[];

function parse(json: unknown): Stored {
  const { report, receivedMs, sinceMs, health, why } = Object(json);
  const fine =
    [report, why].every((text) => typeof text === "string") &&
    [receivedMs, sinceMs].every((number) => typeof number === "number") &&
    HEALTHS.includes(health);
  if (!fine) throw new TypeError("not an instance of the fleet");
  return { report, receivedMs, sinceMs, health, why };
}
