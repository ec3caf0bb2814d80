import type { Emergency, EmergencyReceipt } from "./emergency.js";

/** What the queue needs of its storage for emergency stops. The gate `emergency` of `GateStore` ends one. */
export interface EmergencyStore {
  emergency(): Promise<Emergency | undefined>;
  /** `copy` takes over what another shard has, and tells nobody. Answers what is in force then. */
  raiseEmergency(stop: Omit<Emergency, "calledMs">, how: "raise" | "copy"): Promise<Emergency>;
  keepReceipt(executor: string, receipt: EmergencyReceipt): Promise<void>;
  /** Of an emergency stop, by executor. */
  receipts(id: string): Promise<ReadonlyMap<string, EmergencyReceipt>>;
  /** Tasks that executors hold. */
  heldIds(): Promise<readonly string[]>;
}
