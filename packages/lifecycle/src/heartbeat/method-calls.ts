import type { CallCounts } from "@ccsp/grpc-kit";
import type { MethodCalls } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";

/** A deadline is the caller's choice. Only a call that had this time is CCSP's fault when its deadline passes. */
const PATIENT_SECONDS = 1;

const FAULTS = ["INTERNAL", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED"];

/** Adds up what servers with the same bounds have recorded of these methods, by method, as the heartbeat says it. */
export function methodCalls(
  counts: readonly CallCounts[],
  methods: ReadonlySet<string>,
): { readonly callBounds: number[]; readonly calls: MethodCalls[] } {
  const callBounds = counts[0]?.within.map(({ seconds }) => seconds) ?? [];
  const byMethod = new Map<string, MethodCalls>();
  for (const { path, code, count, within } of counts) {
    if (!methods.has(path)) continue;
    const calls = byMethod.get(path) ?? { method: path, ok: [], unavailable: 0n, faults: 0n, total: 0n };
    byMethod.set(path, calls);
    calls.total += BigInt(count);
    if (code === "OK") {
      const cumulative = [...within.map((bound) => bound.count), count];
      const { ok } = calls;
      calls.ok = cumulative.map((upTo, at) => (ok[at] ?? 0n) + BigInt(upTo - (cumulative[at - 1] ?? 0)));
    } else if (code === "UNAVAILABLE") {
      calls.unavailable += BigInt(count);
    } else if (code === "DEADLINE_EXCEEDED") {
      const early = within.findLast(({ seconds }) => seconds <= PATIENT_SECONDS)?.count ?? 0;
      calls.unavailable += BigInt(count - early);
    } else if (FAULTS.includes(code)) {
      calls.faults += BigInt(count);
    }
  }
  return { callBounds, calls: [...byMethod.values()] };
}
