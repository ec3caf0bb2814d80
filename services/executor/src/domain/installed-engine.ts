import type { Engine } from "@ccsp/engine-kit";
import { Refusal } from "@ccsp/errors";

/** An engine with what this executor knows of it. */
export interface InstalledEngine {
  readonly engine: Engine;
  /** Runs at once, until `setSlots` says otherwise. */
  readonly slots: number;
  readonly version: string;
  /** Oldest version that is known to be reliable; undefined: any. */
  readonly minimumVersion: string | undefined;
  /** `built-in`, or the package or path that it was loaded from. */
  readonly origin: string;
}

/** An engine of this executor that a person names. */
export const engineUnknown = (name: string): Refusal =>
  new Refusal("ENGINE_UNKNOWN", `engine: this executor has no ${JSON.stringify(name)}`, { metadata: { engine: name } });
