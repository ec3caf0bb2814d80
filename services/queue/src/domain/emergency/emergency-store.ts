import type { Emergency, EmergencyReceipt } from "./emergency.js";

/** The storage of emergency stops. A stop ends when its gate `emergency` is opened (`GateStore`). */
export interface EmergencyStore {
  emergency(): Promise<Emergency | undefined>;
  /**
   * `copy` takes over the stop of another shard, without an event. Answers the stop that is in force after the call.
   */
  raiseEmergency(stop: Omit<Emergency, "calledMs">, how: "raise" | "copy"): Promise<Emergency>;
  keepReceipt(executor: string, receipt: EmergencyReceipt): Promise<void>;
  /** The receipts for an emergency stop, by executor. */
  receipts(id: string): Promise<ReadonlyMap<string, EmergencyReceipt>>;
  /** Tasks that executors hold. */
  heldIds(): Promise<readonly string[]>;
}
