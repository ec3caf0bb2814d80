import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type CallCounts, type Implementation, readCalls } from "@ccsp/grpc-kit";
import {
  type ClassStarts,
  type ExecutorReport,
  type HeartbeatRequest,
  InstanceState,
} from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { wordsOf } from "@ccsp/protos/words.js";
import type { OpsServer, OpsState } from "@ccsp/telemetry";
import type { Registry } from "prom-client";
import { measureResources } from "./measure-resources.js";
import { methodCalls } from "./method-calls.js";

/** What a service adds to its heartbeat. */
export interface HeartbeatPart {
  readonly executor?: ExecutorReport;
  /** First starts of tasks since the start of the process. */
  readonly starts?: readonly ClassStarts[];
  /** The folder where the service stores its files. Default: the working folder. */
  readonly folder?: string;
  /** The open streams of servers that do not speak gRPC. */
  readonly openStreams?: number;
  /** The calls of unary methods that such servers answered, since the start of the process. */
  readonly calls?: readonly CallCounts[];
}

/** What an instance tells the monitor of itself. */
export interface Heartbeat {
  /** Adds to each heartbeat what `part` returns then. */
  add(part: () => HeartbeatPart | Promise<HeartbeatPart>): void;
  /** Returns the heartbeat now. The numbers of resources are of the time since the call before. */
  read(state?: InstanceState): Promise<HeartbeatRequest>;
}

export interface HeartbeatOptions {
  readonly service: string;
  readonly instance: string;
  readonly registry: Registry;
  readonly certificateExpires: () => Date | undefined;
}

/** The parts of the service that are opened while it starts. */
export interface Opened {
  readonly ops: Pick<OpsServer, "status"> | undefined;
  readonly services: readonly Pick<Implementation, "unary">[];
  readonly openStreams: () => number;
}

const STATES: Readonly<Record<OpsState, InstanceState>> = wordsOf(InstanceState);

/** A text of another program in a heartbeat has at most this many characters. */
const MOST_TEXT = 200;

/** Counts and measures for the heartbeats of one start of a service. */
export async function createHeartbeat(
  { service, instance, registry, certificateExpires }: HeartbeatOptions,
  opened: () => Opened,
): Promise<Heartbeat & { close(): Promise<void> }> {
  const parts: (() => HeartbeatPart | Promise<HeartbeatPart>)[] = [];
  const resources = measureResources();
  const version = await releaseVersion();
  const bootId = randomUUID();
  const bootTime = new Date();
  const bootMs = performance.now();
  let sequence = 0n;
  return {
    add: (part) => void parts.push(part),
    async read(state) {
      sequence += 1n;
      // Taken before the numbers are read, so that a later heartbeat never has smaller counts than an earlier one.
      const number = sequence;
      const { ops, services, openStreams } = opened();
      const { state: found, failing } = (await ops?.status()) ?? { state: "starting", failing: {} };
      const added: HeartbeatPart = Object.assign({}, ...(await Promise.all(parts.map(async (part) => part()))));
      const unary = new Set(services.flatMap((each) => each.unary));
      return {
        report: {
          service,
          instance,
          bootId,
          bootTime,
          uptime: toDuration(Math.round(performance.now() - bootMs)),
          sequence: number,
          version,
          state: state ?? STATES[found],
          failing: Object.entries(failing).map(([name, why]) => ({ name, why: why.slice(0, MOST_TEXT) })),
          resources: await resources.read(added.folder ?? process.cwd()),
          certificateExpireTime: certificateExpires(),
          openStreams: openStreams() + (added.openStreams ?? 0),
          executor: added.executor,
        },
        ...methodCalls([...(await readCalls(registry)), ...(added.calls ?? [])], unary),
        starts: [...(added.starts ?? [])],
      };
    },
    close: async () => resources.close(),
  };
}

/** All packages have the version of the release. */
async function releaseVersion(): Promise<string> {
  const file = new URL("../../package.json", import.meta.url);
  const { version }: { version: string } = JSON.parse(await readFile(file, "utf8"));
  return version;
}
