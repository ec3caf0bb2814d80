import { type Fleet, type PartProgress, type ServiceName, startFleet } from "@ccsp/fleet";
import { agentOf } from "../auth/create-token.js";
import { type FleetState, forgetFleet, ROOT, type StateDir, saveFleet } from "../local-fleet/state.js";
import { EXIT, EXIT_OF_SIGNAL, type ExitCode } from "../process/exit.js";
import type { EndSignal, Io } from "../process/io.js";
import { gatewayHttpListen, gatewayListen, givenAuthority } from "./certificates.js";
import type { FleetEngine } from "./engine.js";
import { sharedSettings, startLimitMs } from "./fleet-env.js";
import type { FleetOutput } from "./fleet-output.js";
import type { FolderLock } from "./folder-lock.js";
import { fleetWarning, lineOf } from "./log-lines.js";
import { askServices } from "./services-thread.js";
import { startFailure } from "./start-failure.js";
import { openTraces, type Traces } from "./traces.js";

export interface UpOptions {
  readonly single: boolean;
  readonly replicas: Readonly<Partial<Record<ServiceName, number>>>;
  readonly ports: "default" | "free";
  readonly traces: boolean;
}

/** The parts that a fleet needs to run. Engine and output are closed when the fleet has stopped. */
export interface FleetParts {
  readonly state: StateDir;
  readonly lock: FolderLock;
  readonly engine: FleetEngine;
  readonly output: FleetOutput;
  readonly onProgress: (progress: PartProgress) => void;
  /** Called when the fleet is ready. */
  readonly onReady: (fleet: FleetState) => void;
  /** Where a person finds the output of a part. */
  readonly where: (part: string) => string;
}

/**
 * Runs a fleet until a signal asks it to end. SIGTERM is the normal end. A second interrupt ends it without waiting. A
 * closed terminal may send SIGHUP twice, so that does not count.
 */
export async function runFleet(io: Io, parts: FleetParts, options: UpOptions): Promise<ExitCode> {
  const { state, engine, output, where } = parts;
  let interrupts = 0;
  let endedBy: EndSignal = "SIGTERM";
  let tellInterrupted = () => {};
  const interrupted = new Promise<"interrupted">((resolve) => {
    tellInterrupted = () => resolve("interrupted");
  });
  const stopListening = io.onInterrupt((signal) => {
    if (signal !== "SIGHUP") interrupts += 1;
    // When this process ends, its children end too.
    if (interrupts > 1) process.exit(EXIT_OF_SIGNAL[signal]);
    endedBy = signal;
    tellInterrupted();
  });

  const traces = options.traces
    ? await openTraces(io.env, state, (text) => output.line(fleetWarning(text)))
    : undefined;
  const close = async () => {
    await traces?.close();
    await engine.close();
    stopListening();
    output.close();
  };
  const fleet = await start(io, { ...parts, traces }, options).catch(async (error: unknown) => {
    await close();
    throw startFailure(error, where);
  });
  let quickly = true;
  try {
    await saveFleet(state, describe(io, { fleet, engine, traces, ready: false }));
    const ready = await Promise.race([fleet.ready(), interrupted]);
    if (ready !== "interrupted") {
      quickly = false;
      const running = describe(io, { fleet, engine, traces, ready: true });
      await saveFleet(state, running);
      parts.onReady(running);
      for (const line of [...welcome(fleet, options.single), ...forCallers(running)]) output.tell(line);
      await interrupted;
    }
    output.tell("stopping …");
    return endedBy === "SIGTERM" ? EXIT.ok : EXIT_OF_SIGNAL[endedBy];
  } catch (error) {
    throw startFailure(error, where);
  } finally {
    await fleet.stop({ quickly });
    await forgetFleet(state);
    output.tell("stopped");
    await close();
  }
}

async function start(
  io: Io,
  { state, lock, engine, output, onProgress, traces }: FleetParts & { readonly traces: Traces | undefined },
  { single, replicas, ports }: UpOptions,
): Promise<Fleet> {
  const consulUrl = io.env["CCSP_CONSUL_URL"] || (single ? "" : undefined);
  return startFleet({
    root: ROOT,
    dataDir: state.dataDir,
    certificatesDir: state.certificatesDir,
    operator: agentOf(io.env["USER"] ?? ""),
    gatewayListen: gatewayListen(io.env),
    gatewayHttpListen: gatewayHttpListen(io.env),
    lockFd: lock.fd,
    startLimitMs: startLimitMs(io.env),
    ports,
    single,
    replicas,
    redisUrl: io.env["CCSP_REDIS_URL"] || undefined,
    // A single process needs no discovery.
    consulUrl,
    ...(io.env["CCSP_WITHOUT_CONSUL"] === "1" && { withoutConsul: "CCSP_WITHOUT_CONSUL is 1" }),
    serviceEnv: await askServices("divided", { ...traces?.settings, ...fleetSettings(io, state, engine) }),
    onLine: (line, source) => output.line(lineOf(line, source)),
    onProgress,
  });
}

/** All settings that the services of a fleet get, before each service gets its own. */
export const fleetSettings = (io: Io, state: StateDir, engine: Pick<FleetEngine, "settings">) => ({
  ...localDefaults(io, state),
  ...sharedSettings(io.env),
  ...engine.settings,
});

function localDefaults({ env }: Io, state: StateDir): Record<string, string> {
  const hasKey = Object.keys(env).some((name) => /^CCSP_JWT_(SECRET|SECRET_FILE|JWKS_FILE|JWKS_URL)$/.test(name));
  return {
    CCSP_NOTIFICATION_FILE: `${state.path}/notifications.jsonl`,
    CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: state.allowedFoldersFile,
    ...(!hasKey && { CCSP_JWT_SECRET_FILE: state.secretFile }),
  };
}

interface Running {
  readonly fleet: Fleet;
  readonly engine: FleetEngine;
  readonly traces: Traces | undefined;
  readonly ready: boolean;
}

function describe({ env }: Io, { fleet, engine, traces, ready }: Running): FleetState {
  return {
    pid: process.pid,
    ready,
    gateway: fleet.gatewayAddress,
    http: fleet.httpAddress,
    gatewayCaFile: givenAuthority(sharedSettings(env)) ?? fleet.gatewayCaFile,
    allowedRoots: (sharedSettings(env)["CCSP_EXECUTOR_ALLOWED_ROOTS"] ?? "").split(",").filter(Boolean),
    // A person's own engine has all of its settings from the environment.
    ...(Object.keys(engine.settings).length > 0 && { simulated: true as const }),
    redisPort: fleet.redisPort,
    consulUrl: fleet.consulUrl,
    traceSocket: traces?.socket,
    services: fleet.processes().map(({ name, index, ports }) => ({ name, index, ports })),
  };
}

function welcome(fleet: Fleet, single: boolean): string[] {
  const replicas = fleet.processes().map(({ name, index, ports }) => `  ${name}-${index + 1}`.padEnd(18) + ports.grpc);
  return [
    `ready${single ? ", all in one process" : ""}:`,
    ...replicas,
    `gateway at ${fleet.gatewayAddress}; try: ccsp run "Say hello"`,
    `dashboard and REST at ${fleet.httpAddress}`,
  ];
}

/** What callers on other machines need. */
export const forCallers = ({ gatewayCaFile: file }: FleetState): readonly string[] =>
  file === undefined || file === "system"
    ? []
    : [`agents on other machines need this CA file: ${file} (ccsp --ca-file, or tls.caFile of the SDK)`];
