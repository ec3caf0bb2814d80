import type { EmergencyStore } from "../emergency/emergency-store.js";
import type { GateStore } from "../gates/gate-store.js";
import { type Gate, isClosed } from "../gates/gates.js";
import { readScope, type Scope, scopeName } from "../gates/scope.js";
import type { Clock } from "../task/clock.js";

const EMERGENCY: Scope = { kind: "emergency" };

type CopiedStore = GateStore & EmergencyStore & Clock;

/** How another shard copies a closed gate of the first shard: exactly, and without an event. */
export const COPY = { how: "replace", announced: false } as const;

/**
 * Copies the gates and the emergency stop of the first shard to all others. A process may have died halfway through a
 * change, or a shard may have been away. Each shard counts by itself how many leases a ramp has let through.
 */
export async function reconcileGates(first: CopiedStore, others: readonly CopiedStore[]): Promise<void> {
  // The others are read before the first. So a gate that another shard has and the first does not have is over. If it
  // is closed again meanwhile, the time of closing differs and it stays closed.
  const copies = await Promise.all(
    others.map(async (store) => ({ store, stop: await store.emergency(), gates: await store.gates() })),
  );
  const [stop, gates, nowMs] = [await first.emergency(), await first.gates(), await first.now("")];

  const reconcileGate = async (name: string, copy: Gate | undefined, store: CopiedStore): Promise<void> => {
    const [scope, gate] = [readScope(name), gates.get(name)];
    if (isClosed(gate, nowMs)) {
      if (!isClosed(copy, nowMs) || !isAlike(gate, copy)) await store.closeGate({ ...COPY, scope, gate });
    } else if (isClosed(copy, nowMs)) {
      await store.openGate(scope, { closedMs: copy.closed, rampMs: gates.get(name)?.ramp });
    }
  };
  await Promise.all(
    copies.map(async (copy) => {
      if (stop && copy.stop?.id !== stop.id) await copy.store.raiseEmergency(stop, "copy");
      if (!stop && copy.stop) await copy.store.openGate(EMERGENCY, { closedMs: copy.stop.calledMs });
      const known = new Set([...gates.keys(), ...copy.gates.keys()]);
      known.delete(scopeName(EMERGENCY));
      await Promise.all([...known].map((name) => reconcileGate(name, copy.gates.get(name), copy.store)));
    }),
  );
}

const isAlike = (one: Gate, other: Gate): boolean =>
  one.who === other.who && one.why === other.why && one.opens === other.opens;
