import { InstanceReport } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import type { Health } from "./domain/health.js";
import type { Known } from "./fleet.js";

const HEALTHS: readonly unknown[] = ["ok", "late", "draining", "failing", "gone"] satisfies Health[];

/** Returns what is stored of an instance. Its report is a protobuf message, so that releases before and after can read it. */
export const storedInstance = ({ report, ...rest }: Known): object => ({
  ...rest,
  report: Buffer.from(InstanceReport.encode(report).finish()).toString("base64"),
});

/** Reads a stored instance. Throws if it is not an instance. */
export function parseInstance(json: unknown): Known {
  const { report, receivedMs, sinceMs, health, why, crashesMs } = Object(json);
  const fine =
    [report, why].every((text) => typeof text === "string") &&
    [receivedMs, sinceMs].every((number) => typeof number === "number") &&
    HEALTHS.includes(health);
  if (!fine) throw new TypeError("not an instance of the fleet");
  return {
    ...{ report: InstanceReport.decode(Buffer.from(report, "base64")), receivedMs, sinceMs, health, why },
    crashesMs: Array.isArray(crashesMs) ? crashesMs.filter((each): each is number => typeof each === "number") : [],
  };
}
