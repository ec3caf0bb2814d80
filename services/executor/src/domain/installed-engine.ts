import type { Engine } from "@ccsp/engine-kit";
import { Refusal } from "@ccsp/errors";

/** An engine and what this executor knows about it. */
export interface InstalledEngine {
  readonly engine: Engine;
  /** Number of runs at the same time, until `setSlots` changes it. */
  readonly slots: number;
  readonly version: string;
  /** The oldest version that is known to be reliable. Undefined: any version. */
  readonly minimumVersion: string | undefined;
  /** `built-in`, or the package or path that it was loaded from. */
  readonly origin: string;
  /** Its login is not in its runs. */
  readonly brokered: boolean;
}

/** The error for a call that names an engine which this executor does not have. */
export const engineUnknown = (name: string): Refusal =>
  new Refusal("ENGINE_UNKNOWN", `engine: this executor has no ${JSON.stringify(name)}`, { metadata: { engine: name } });
