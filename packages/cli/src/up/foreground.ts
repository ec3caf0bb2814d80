import { type Fleet, type ServiceName, startFleet } from "@ccsp/fleet";
import { CliError, EXIT, type ExitCode } from "../exit.js";
import { type Io, note, say, sayJson } from "../io.js";
import { type FleetState, forgetFleet, ROOT, type StateDir, saveFleet } from "../state.js";
import type { FleetEngine } from "./engine.js";
import { sharedSettings } from "./fleet-env.js";
import { createLineFormat } from "./log-lines.js";

export interface UpOptions {
  readonly single: boolean;
  readonly replicas: Readonly<Partial<Record<ServiceName, number>>>;
  readonly ports: "default" | "free";
  readonly json: boolean;
}

/** Runs a fleet with this engine, which it closes, until it is interrupted. A second interrupt ends it without waiting. */
export async function runFleet(io: Io, state: StateDir, engine: FleetEngine, options: UpOptions): Promise<ExitCode> {
  let interrupts = 0;
  let tellInterrupted = () => {};
  const interrupted = new Promise<"interrupted">((resolve) => {
    tellInterrupted = () => resolve("interrupted");
  });
  const stopListening = io.onInterrupt(() => {
    interrupts += 1;
    // Ending this process ends its children.
    if (interrupts > 1) process.exit(EXIT.interrupted);
    tellInterrupted();
  });

  const fleet = await start(io, state, engine, options).catch(async (error: unknown) => {
    await engine.close();
    throw error;
  });
  try {
    await saveFleet(state, describe(fleet, false));
    const ready = await Promise.race([fleet.ready(), interrupted]);
    if (ready !== "interrupted") {
      await saveFleet(state, describe(fleet, true));
      for (const line of welcome(fleet, options.single)) note(io, line);
      await interrupted;
    }
    note(io, "stopping …");
    return EXIT.ok;
  } catch (error) {
    throw new CliError(
      EXIT.failed,
      `the fleet is not ready: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    await fleet.stop();
    await engine.close();
    await forgetFleet(state);
    stopListening();
    note(io, "stopped");
  }
}

function start(
  io: Io,
  state: StateDir,
  engine: FleetEngine,
  { single, replicas, ports, json }: UpOptions,
): Promise<Fleet> {
  const format = createLineFormat(io.stdout.isTTY === true && !io.env["NO_COLOR"]);
  const consulUrl = io.env["CCSP_CONSUL_URL"] || (single ? "" : undefined);
  return startFleet({
    root: ROOT,
    dataDir: state.dataDir,
    ports,
    single,
    replicas,
    redisUrl: io.env["CCSP_REDIS_URL"] || undefined,
    // One process needs nobody to find the others.
    consulUrl,
    env: { ...localDefaults(io, state), ...sharedSettings(io.env), ...engine.settings },
    onLine(line, { name: source }) {
      if (json) sayJson(io, { source, line });
      else say(io, format({ source, line }));
    },
  });
}

function localDefaults({ env }: Io, state: StateDir): Record<string, string> {
  const hasKey = Object.keys(env).some((name) => /^CCSP_JWT_(SECRET|SECRET_FILE|JWKS_FILE|JWKS_URL)$/.test(name));
  return {
    CCSP_NOTIFICATION_FILE: `${state.path}/notifications.jsonl`,
    ...(!hasKey && { CCSP_JWT_SECRET_FILE: state.secretFile }),
  };
}

function describe(fleet: Fleet, ready: boolean): FleetState {
  return {
    pid: process.pid,
    ready,
    gateway: fleet.gatewayAddress,
    services: fleet.processes().map(({ name, index, ports }) => ({ name, index, ports })),
  };
}

function welcome(fleet: Fleet, single: boolean): string[] {
  const replicas = fleet.processes().map(({ name, index, ports }) => `  ${name}-${index + 1}`.padEnd(18) + ports.grpc);
  return [
    `ready${single ? ", all in one process" : ""}:`,
    ...replicas,
    `gateway at ${fleet.gatewayAddress}; try: ccsp run "Say hello"`,
  ];
}
