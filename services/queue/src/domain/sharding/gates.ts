import type { EmergencyStore } from "../emergency/emergency-store.js";
import type { BlockedStore, GateStore, LimitStore } from "../gates/gate-store.js";
import { COPY, reconcileGates } from "./reconcile-gates.js";
import type { Shards } from "./shards.js";

/**
 * The gates of the first shard are decisive. So a closing or an opening that reached only some shards is never half in
 * force.
 */
export const shardedGates = ({ all, first, others }: Shards): GateStore => ({
  gates: () => first.gates(),
  tellWindows: (data) => first.tellWindows(data),
  noteHolds: () => first.noteHolds(),
  holdsSetMs: () => first.holdsSetMs(),
  async closeGate(closing) {
    const gate = await first.closeGate(closing);
    await Promise.all(others.map((store) => store.closeGate({ ...COPY, scope: closing.scope, gate })));
    return gate;
  },
  async openGate(scope, opening) {
    const opened = await first.openGate(scope, opening);
    const copy = { rampMs: opening?.rampMs };
    const copies = await Promise.all(others.map((store) => store.openGate(scope, copy)));
    return opened || copies.includes(true);
  },
  reconcileGates: () => reconcileGates(first, others),
  openDueGates: async () => void (await all((store) => store.openDueGates())),
});

/** Emergency stops work like gates: the first shard is decisive. */
export const shardedEmergency = ({ first, others, idsOfAll }: Shards): EmergencyStore => ({
  emergency: () => first.emergency(),
  async raiseEmergency(stop, how) {
    const raised = await first.raiseEmergency(stop, how);
    await Promise.all(others.map((store) => store.raiseEmergency(raised, "copy")));
    return raised;
  },
  keepReceipt: (...args) => first.keepReceipt(...args),
  receipts: (id) => first.receipts(id),
  heldIds: () => idsOfAll((store) => store.heldIds()),
});

/** Each shard limits its own tasks. */
export const shardedLimits = ({ all, idsOfAll, ofTask }: Shards): LimitStore & BlockedStore => ({
  adaptBound: async (...args) => void (await all((store) => store.adaptBound(...args))),
  unthrottleRefilled: async () => void (await all((store) => store.unthrottleRefilled())),
  unthrottle: async (agent) => void (await all((store) => store.unthrottle(agent))),
  recountLeases: async () => void (await all((store) => store.recountLeases())),
  blockedIds: (room) => idsOfAll((store) => store.blockedIds(room)),
  firstBlocked: async (id, reason) => ofTask(id)?.firstBlocked(id, reason),
});
