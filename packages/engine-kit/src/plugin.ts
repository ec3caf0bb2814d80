import type { Settings } from "@ccsp/config";
import type { Logger } from "pino";
import type { Engine } from "./engine.js";
import type { Supervisor } from "./supervisor.js";

/** What an engine package exports under the name `enginePlugin`. `C` is the engine's own configuration. */
export interface EnginePlugin<C = unknown> {
  /** The name of the engine in tasks: `[a-z0-9-]`, at most 63 characters. */
  readonly name: string;
  /** Older versions cause a warning at start. Undefined: any version is accepted. */
  readonly minimumVersion?: string | undefined;
  /** Reads the engine's settings, which begin with `CCSP_<ENGINE>_`, and no others. Pure. */
  define(settings: Settings): C;
  /**
   * Finds what the engine needs. When that is missing, it rejects and names the setting to change. Starts nothing that
   * lasts.
   */
  open(config: C, context: EngineContext): Promise<Engine>;
}

/** What the executor gives to an engine. */
export interface EngineContext {
  readonly supervisor: Supervisor;
  readonly log: Logger;
  /** The engine calls this for a line of output that it skipped because it did not understand it. */
  onUnknownLine(): void;
  /** The engine calls this when a run failed in a way that no rule knows. */
  onUnknownFailure(): void;
}
