import type { EmergencyStore } from "../emergency/emergency-store.js";
import type { GateStore } from "../gates/gate-store.js";
import { type Gate, isClosed, type Scope, scopes } from "../gates/gates.js";
import type { Clock } from "../task/clock.js";

type CopiedStore = GateStore & EmergencyStore & Clock;

/** How another shard closes what the first has closed: as it has it, and telling nobody. */
export const COPY = { how: "replace", told: false } as const;

/**
 * Makes every shard have the gates and the emergency stop of the first one, should a process have died halfway or a shard have been away.
 * How many leases a ramp has let through is each shard's own.
 */
export async function mendGates(first: CopiedStore, others: readonly CopiedStore[]): Promise<void> {
  // In this order: what another shard had before, and the first has no longer, is over. Should it be closed anew meanwhile, that stays.
  const copies = await Promise.all(
    others.map(async (store) => ({ store, stop: await store.emergency(), gates: await store.gates() })),
  );
  const [stop, gates, nowMs] = [await first.emergency(), await first.gates(), await first.now("")];

  const mendGate = async (scope: Scope, copy: Gate | undefined, store: CopiedStore): Promise<void> => {
    const gate = gates.get(scope);
    if (isClosed(gate, nowMs)) {
      if (!isClosed(copy, nowMs) || !isAlike(gate, copy)) await store.closeGate({ ...COPY, scope, gate });
    } else if (isClosed(copy, nowMs)) {
      await store.openGate(scope, undefined, copy.closed);
    }
  };
  await Promise.all(
    copies.map(async (copy) => {
      if (stop && copy.stop?.id !== stop.id) await copy.store.raiseEmergency(stop, "copy");
      if (!stop && copy.stop) await copy.store.openGate(scopes.emergency, undefined, copy.stop.calledMs);
      const known = new Set([...gates.keys(), ...copy.gates.keys()]);
      known.delete(scopes.emergency);
      await Promise.all([...known].map((scope) => mendGate(scope, copy.gates.get(scope), copy.store)));
    }),
  );
}

const isAlike = (one: Gate, other: Gate): boolean =>
  one.who === other.who && one.why === other.why && one.opens === other.opens;
