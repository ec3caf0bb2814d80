import type { Settings } from "@ccsp/config";
import type { Logger } from "pino";
import type { Engine } from "./engine.js";
import type { Supervisor } from "./supervisor.js";

/** What an engine package exports, under the name `enginePlugin`. `C` is its own configuration. */
export interface EnginePlugin<C = unknown> {
  /** As tasks name the engine: `[a-z0-9-]`, at most 63 characters. */
  readonly name: string;
  /** Older versions get a warning at start; undefined: any will do. */
  readonly minimumVersion?: string | undefined;
  /** Reads the engine's settings, which begin with `CCSP_<ENGINE>_`, and nothing else. Pure. */
  define(settings: Settings): C;
  /** Finds what the engine needs. Rejects, naming the setting to change, when it is not there. Starts nothing that lasts. */
  open(config: C, context: EngineContext): Promise<Engine>;
}

/** What the executor gives to an engine. */
export interface EngineContext {
  readonly supervisor: Supervisor;
  readonly log: Logger;
  /** A line of output was passed over because it was not understood. */
  onUnknownLine(): void;
  /** A run failed in a way that no rule knows. */
  onUnknownFailure(): void;
}
