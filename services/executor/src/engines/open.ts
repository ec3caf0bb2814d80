import type { Supervisor, TaskPart } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { BrokerMode } from "../broker/config.js";
import type { InstalledEngine } from "../domain/installed-engine.js";
import type { ExecutorMetrics } from "../telemetry/metrics.js";
import type { EngineConfig } from "./config.js";

export interface OpenEnginesDeps {
  /** Returns the supervisor for the engine with this name. */
  readonly supervisor: (engine: string) => Supervisor;
  readonly metrics: Pick<ExecutorMetrics, "unknownLine" | "unknownFailure">;
  /** Parts of a task that the operator's policy sets for every run. */
  readonly policed: readonly TaskPart[];
  readonly broker: { readonly mode: BrokerMode; readonly there: boolean };
  readonly log: Logger;
}

/**
 * Opens the engines and asks their versions, one after the other. Rejects if an engine is missing or does not answer, or
 * if it needs its login in its runs and `required` does not allow that.
 */
export async function openEngines(
  configs: readonly EngineConfig[],
  { supervisor, metrics, policed, broker, log }: OpenEnginesDeps,
): Promise<readonly InstalledEngine[]> {
  const installed: InstalledEngine[] = [];
  for (const { plugin, origin, config, slots } of configs) {
    const { name, minimumVersion } = plugin;
    const engine = await plugin.open(config, {
      supervisor: supervisor(name),
      log: log.child({ engine: name }),
      onUnknownLine: () => metrics.unknownLine(name),
      onUnknownFailure: () => metrics.unknownFailure(name),
    });
    const brokered = broker.there && engine.brokered === true;
    if (broker.mode === "required" && !brokered) throw new Error(inTheRun(name));
    const version = await engine.version().catch((err: unknown) => {
      throw new Error(`engine ${name} does not say its version: check the settings that name its executable`, {
        cause: err,
      });
    });
    log.info({ engine: name, version, slots, brokered }, "engine found");
    if (minimumVersion !== undefined && isOlder(version, minimumVersion)) {
      log.warn({ engine: name, version, minimumVersion }, "engine is older than its minimum version");
    }
    const ignored = policed.filter((part) => !engine.capabilities.takes.includes(part));
    if (ignored.length > 0) log.warn({ engine: name, ignored }, "engine does not apply all of the policy");
    installed.push({ engine, slots, version, minimumVersion, origin, brokered });
  }
  return installed;
}

const inTheRun = (engine: string): string =>
  `CCSP_EXECUTOR_BROKER is required, but the login of engine ${engine} would be in its runs: give it a key or a long-lived token, or leave the engine out of CCSP_EXECUTOR_ENGINES`;

/** Compares the first three numbers and ignores the rest. A version without three numbers does not count as older. */
function isOlder(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => /^(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number));
  if (a === undefined || b === undefined) return false;
  const index = a.findIndex((part, i) => part !== b[i]);
  return index >= 0 && (a[index] ?? 0) < (b[index] ?? 0);
}
