import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createToken, settingsByService } from "@ccsp/cli";
import { type CcspClient, createCcspClient } from "@ccsp/client";
import { type Fleet, type FleetOptions, startFleet } from "@ccsp/fleet";
import { ROLES } from "@ccsp/identity";
import {
  type OtlpReceiver,
  SCRIPTED_ENGINE,
  type Simulator,
  simulatedEngine,
  startOtlpReceiver,
  startSimulator,
} from "@ccsp/testkit";

const SECRET = "a secret of this test and of nothing else";
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The options of a test for its world. */
export interface WorldOptions
  extends Pick<FleetOptions, "replicas" | "env" | "restart" | "redisUrl" | "consulUrl" | "gatewayHttpListen"> {
  /** The real CLI, or the scripted stand-in for many short runs and for faults. */
  readonly engine?: "claude-code" | "scripted";
  /** The number of runs at once per executor. */
  readonly slots?: number;
  /** `NODE_OPTIONS` of all services. */
  readonly nodeOptions?: string;
  /** The folder of the release whose services run. If omitted, it is this repository. */
  readonly root?: string;
  /** Without TLS between the services. */
  readonly plain?: boolean;
}

/** A complete installation for one test: Redis, Consul, services, model, trace receiver. */
export interface World {
  readonly fleet: Fleet;
  readonly simulator: Simulator;
  readonly traces: OtlpReceiver;
  readonly dataDir: string;
  /** The folder with the certificates of the services. */
  readonly certificates: string;
  /** Every log line of every service so far. */
  readonly lines: readonly string[];
  /** Returns a client. `close` of the world closes it too. */
  client(agent: string): CcspClient;
  /** Returns a token of `agent`. By default it has every scope. */
  token(agent: string, options?: { scopes?: readonly string[]; ttlSeconds?: number }): Promise<string>;
  close(): Promise<void>;
}

/**
 * Starts a world and waits until every service is ready. Nothing of it is left after `close`, or after a failed start.
 */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const opened: (() => Promise<unknown> | void)[] = [];
  const close = async () => {
    for (const undo of opened.splice(0).toReversed()) await undo();
  };
  try {
    return await openWorld(options, { opened, close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function openWorld(
  options: WorldOptions,
  { opened, close }: { opened: (() => Promise<unknown> | void)[]; close: () => Promise<void> },
): Promise<World> {
  const dataDir = await mkdtemp(join(tmpdir(), "ccsp-e2e-"));
  opened.push(() => rm(dataDir, { recursive: true, force: true }));
  const secretFile = join(dataDir, "jwt.secret");
  await writeFile(secretFile, SECRET, { mode: 0o600 });
  const simulator = await startSimulator();
  opened.push(() => simulator.close());
  const traces = await startOtlpReceiver();
  opened.push(() => traces.close());
  const lines: string[] = [];
  const certificates = join(dataDir, "certificates");

  const fleet = await startFleet({
    root: options.root ?? ROOT,
    dataDir,
    certificatesDir: options.plain ? false : certificates,
    ports: "free",
    ...(options.replicas && { replicas: options.replicas }),
    restart: options.restart,
    redisUrl: options.redisUrl,
    consulUrl: options.consulUrl,
    gatewayHttpListen: options.gatewayHttpListen,
    ...(options.nodeOptions && { env: { NODE_OPTIONS: options.nodeOptions } }),
    onLine: (line) => void lines.push(line),
    serviceEnv: await settingsByService({
      CCSP_JWT_SECRET_FILE: secretFile,
      ...simulatedEngine(simulator, options.engine === "scripted" ? SCRIPTED_ENGINE : undefined),
      CCSP_EXECUTOR_SLOTS: String(options.slots ?? 2),
      // Tests search for the processes of tasks. Warm processes belong to no task.
      CCSP_EXECUTOR_WARM: "0",
      CCSP_NOTIFICATION_FILE: join(dataDir, "notifications.jsonl"),
      // Tests let the scripted engine count its runs in files.
      ...(options.engine === "scripted" && { CCSP_EXECUTOR_SANDBOX_WRITE: dataDir }),
      OTEL_EXPORTER_OTLP_ENDPOINT: traces.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: "100",
      ...options.env,
    }),
  });
  // The test has ended, so no call is left that an orderly stop would spare.
  opened.push(() => fleet.stop({ quickly: true }));
  await fleet.ready();

  const token: World["token"] = (agent, { scopes = ROLES.agent, ttlSeconds = 3600 } = {}) =>
    createToken({ secret: SECRET, agent, scopes, ttlSeconds });

  return {
    fleet,
    simulator,
    traces,
    dataDir,
    certificates,
    lines,
    token,
    client(agent) {
      // A busy machine may stop the gateway, or this process, for longer than a client waits for its first connection.
      const client = createCcspClient({ target: fleet.gatewayAddress, token: () => token(agent), connectMs: 60_000 });
      opened.push(() => client.close());
      return client;
    },
    close,
  };
}
