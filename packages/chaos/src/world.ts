import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serviceChannel } from "@ccsp/e2e-kit/service-channel.js";
import { freePort, keepFleetCertificates, serviceProgram } from "@ccsp/fleet";
import { type Client, type Connection, createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { startCluster } from "./cluster.js";
import type { ExecutorSettings } from "./executor.js";
import { type Entry, readJournal } from "./journal.js";
import { type Link, openLink } from "./link.js";
import { type Part, startPart } from "./part.js";
import { startSentinels } from "./sentinels.js";
import { type Storage, startStandalone } from "./storage.js";

const ENGINE = "claude-code";
export const LEASE_MS = 4_000;
const SLOTS = 16;
const QUEUE = fileURLToPath(new URL("../../../services/queue", import.meta.url));
const EXECUTOR = fileURLToPath(new URL("executor.ts", import.meta.url));

const STORAGES = { standalone: startStandalone, sentinel: startSentinels, cluster: startCluster } as const;

export type RedisKind = keyof typeof STORAGES;
export const isRedisKind = (name: string): name is RedisKind => Object.hasOwn(STORAGES, name);

/** Opens a client of the queue, which the caller closes. */
export type OpenQueue = () => Client<QueueServiceService> & Connection;

export interface WorldOptions {
  readonly redis: RedisKind;
  readonly replicas: number;
  readonly executors: number;
  readonly seed: string;
}

/**
 * Queue replicas and scripted executors as processes. Between any two that communicate there is a link that can fail.
 */
export interface World {
  readonly storage: Storage;
  readonly replicas: readonly Part[];
  readonly executors: readonly Part[];
  /** All links except those of the agents. */
  readonly links: readonly Link[];
  linksOf(name: string): readonly Link[];
  /** Opens a client of all replicas, for agents. It uses links that can fail too. */
  readonly openAgentsQueue: OpenQueue;
  /** The same without links, to read the final state. */
  readonly openQueue: OpenQueue;
  /** The warnings and errors that replicas logged, by message. */
  readonly complaints: ReadonlyMap<string, { count: number; readonly first: string }>;
  journal(): Promise<Entry[]>;
  close(): Promise<void>;
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const undo of opened.splice(0).toReversed()) await undo();
  };
  try {
    return { ...(await openWorld(options, opened)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openWorld(
  { redis, replicas: replicaCount, executors: executorCount, seed }: WorldOptions,
  opened: (() => Promise<void>)[],
): Promise<Omit<World, "close">> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-chaos-"));
  opened.push(() => rm(dir, { recursive: true, force: true }));
  const storage = await STORAGES[redis]();
  opened.push(() => storage.close());
  const certificates = join(dir, "certificates");
  await keepFleetCertificates({ folder: certificates, given: {} });
  const complaints = new Map<string, { count: number; first: string }>();

  const ports: number[] = [];
  const replicas: Part[] = [];
  for (let index = 0; index < replicaCount; index++) {
    const name = `replica-${index}`;
    const port = await freePort();
    const env = {
      CCSP_QUEUE_LISTEN: `127.0.0.1:${port}`,
      CCSP_QUEUE_OPS_LISTEN: `127.0.0.1:${await freePort()}`,
      CCSP_REDIS_URL: await storage.urlFor(name),
      CCSP_CONSUL_URL: "",
      CCSP_QUEUE_TLS_DIR: join(certificates, "queue"),
      CCSP_INSTANCE: name,
      CCSP_ENGINES: ENGINE,
      CCSP_QUEUE_LEASE: `${LEASE_MS}ms`,
      // Short, so that ten attempts take only seconds.
      CCSP_QUEUE_RETRY_BASE: "20ms",
      ...storage.settings,
      CCSP_LOG_LEVEL: "warn",
    };
    const replica = await startPart({
      name,
      args: () => serviceProgram(QUEUE),
      env,
      cwd: QUEUE,
      onLine: noteComplaints(complaints),
    });
    opened.push(() => replica.stop());
    ports.push(port);
    replicas.push(replica);
  }

  const links: Link[] = [];
  opened.push(async () => void (await Promise.all(links.map((link) => link.close()))));
  const linksTo = async (from: string): Promise<string> => {
    const targets = [];
    for (const [index, port] of ports.entries()) {
      const link = await openLink(`${from} → replica-${index}`, port);
      links.push(link);
      targets.push(`127.0.0.1:${link.port}`);
    }
    return `ipv4:${targets.join(",")}`;
  };

  const executors: Part[] = [];
  const journals: string[] = [];
  for (let index = 0; index < executorCount; index++) {
    const name = `executor-${index}`;
    const journal = join(dir, `${name}.jsonl`);
    const target = await linksTo(name);
    const settings = {
      executor: name,
      target,
      certificates,
      journal,
      seed,
      engine: ENGINE,
      slots: SLOTS,
      leaseMs: LEASE_MS,
    };
    const args = (boot: number): string[] => {
      const all: ExecutorSettings = { ...settings, boot: `boot-${boot}` };
      return ["--import", "tsx", EXECUTOR, JSON.stringify(all)];
    };
    const executor = await startPart({ name, args, env: {}, cwd: dirOf(EXECUTOR) });
    opened.push(() => executor.stop());
    executors.push(executor);
    journals.push(journal);
  }

  const directTarget = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(",")}`;
  const agentsTarget = await linksTo("agents");
  const openTo = (target: string) => () =>
    createClient(QueueServiceService, target, {
      credentials: serviceChannel(certificates, { as: "gateway", to: "queue" }),
    });
  const openQueue = openTo(directTarget);
  await answers(openQueue);
  return {
    storage,
    replicas,
    executors,
    complaints,
    openAgentsQueue: openTo(agentsTarget),
    openQueue,
    get links() {
      return [...links, ...storage.links];
    },
    linksOf: (name) => [...links, ...storage.links].filter((link) => link.name.split(" → ").includes(name)),
    journal: async () => (await Promise.all(journals.map(readJournal))).flat(),
  };
}

const dirOf = (file: string): string => fileURLToPath(new URL(".", `file://${file}`));

/** Waits until the first replica answers. */
async function answers(openQueue: OpenQueue): Promise<void> {
  const queue = openQueue();
  try {
    await queue.getStatus({}, { timeoutMs: 30_000 });
  } finally {
    queue.close();
  }
}

/** Counts the lines of the replicas by message. Replicas log only warnings and worse. */
function noteComplaints(complaints: Map<string, { count: number; first: string }>): (line: string) => void {
  return (line) => {
    const [, level, message] = /^\{"level":"(\w+)".*"msg":"([^"]*)"/.exec(line) ?? [];
    const what = message === undefined ? line.slice(0, 120) : `${level}: ${message}`;
    const before = complaints.get(what);
    if (before) before.count += 1;
    else complaints.set(what, { count: 1, first: line });
  };
}
