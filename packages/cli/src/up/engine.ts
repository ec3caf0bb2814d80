/** The engine that the executors of a fleet run. */
export interface FleetEngine {
  readonly settings: Record<string, string>;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * The bundled Claude Code CLI with a simulated model that echoes its input. With it, people can try CCSP without a
 * login and without cost.
 */
export async function openSimulatedEngine(): Promise<FleetEngine> {
  const { simulatedEngine, startSimulator } = await import("@ccsp/testkit"); // loads it only where it runs
  const simulator = await startSimulator();
  let closing: Promise<void> | undefined;
  return {
    settings: simulatedEngine(simulator),
    close() {
      closing ??= simulator.close();
      return closing;
    },
  };
}

/** The user's own CLI, as the settings name it. `checkStart` has looked for it. */
export const ownEngine = (): FleetEngine => ({ settings: {}, close: async () => {} });
