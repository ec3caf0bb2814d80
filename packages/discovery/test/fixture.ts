import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ConsulSettings } from "@ccsp/config";
import { createClient, type GrpcServer, implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { GetResponse, WatchResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import type { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import { pino } from "pino";
import { announce, registerSchemes } from "../src/index.js";

export const log = pino({ level: "silent" });

type Closable = { close(): unknown };

/** A gRPC server that returns its own name to callers, its ops port, and its registration in Consul. */
export interface Instance {
  readonly port: number;
  readonly ops: Ops;
  /** Stops in the order of a service: first leaves Consul, then stops the server. */
  stop(): Promise<void>;
  /** Stops the server without a message to Consul. Consul lists it until its check fails. */
  vanish(): Promise<void>;
}

/** What Consul asks. It answers every request with `status`. */
export interface Ops {
  readonly port: number;
  status: 200 | 503;
  close(): Promise<void>;
}

/** The instances, clients and schemes of one test. `close` closes everything that is still open, newest first. */
export class Fixture {
  readonly #open: Closable[] = [];

  own<R extends Closable>(resource: R): R {
    this.#open.push(resource);
    return resource;
  }

  async close(): Promise<void> {
    for (const resource of this.#open.splice(0).toReversed()) await resource.close();
  }

  schemes(consulUrl: string | undefined): void {
    this.own(registerSchemes({ consul: consulUrl === undefined ? undefined : { url: consulUrl }, log }));
  }

  async serve(name: string, credentials?: ServerCredentials): Promise<GrpcServer> {
    return this.own(
      await serveGrpc({
        listen: { host: "127.0.0.1", port: 0 },
        services: [namedQueue(name)],
        credentials,
        log,
        drainMs: 1_000,
        lameDuckMs: 0,
      }),
    );
  }

  async start(name: string, consul: string | ConsulSettings, service: string): Promise<Instance> {
    const server = await this.serve(name);
    const ops = this.own(await serveOps());
    const { port } = server;
    const host = "127.0.0.1";
    const listing = this.own(
      await announce({
        consul: typeof consul === "string" ? { url: consul } : consul,
        name: service,
        id: name,
        host,
        port,
        ops: { host, port: ops.port },
        log,
      }),
    );
    return {
      port,
      ops,
      async stop() {
        await listing.close();
        await server.close();
      },
      async vanish() {
        await ops.close();
        await server.close();
      },
    };
  }

  /** Asks a target for the name of the instance that answers. */
  connect(
    target: string,
    credentials?: ChannelCredentials,
  ): {
    whoAnswers(timeoutMs?: number): Promise<string>;
    watch(): Promise<void>;
    /** A stream. Its first message is the answer to the call. */
    run(timeoutMs: number): Promise<void>;
  } {
    const client = this.own(
      createClient(QueueServiceService, target, {
        credentials,
        channelOptions: { "grpc.use_local_subchannel_pool": 1 },
      }),
    );
    return {
      async whoAnswers(timeoutMs = 10_000) {
        const { task } = await client.get({}, { timeoutMs });
        return task?.id ?? "";
      },
      async watch() {
        for await (const _ of client.watch({}));
      },
      async run(timeoutMs) {
        for await (const _ of client.watch({}, { answersFirst: true, timeoutMs }));
      },
    };
  }
}

async function serveOps(): Promise<Ops> {
  const state = { status: 200 as 200 | 503 };
  const server = createServer((_, response) => {
    response.writeHead(state.status).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(state, {
    port: (server.address() as AddressInfo).port,
    async close() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  });
}

/** The ids that Consul lists as healthy. */
export async function listed(consulUrl: string, service: string): Promise<string[]> {
  return (await healthy(consulUrl, service)).map(({ ID }) => ID).toSorted();
}

/** The ports of the instances that Consul lists as healthy. */
export async function portsOf(consulUrl: string, service: string): Promise<number[]> {
  return (await healthy(consulUrl, service)).map(({ Port }) => Port);
}

/** The ids of the instances that are registered, healthy or not. */
export async function registered(consulUrl: string, service: string): Promise<string[]> {
  const services = await fromAgent<{ ID: string; Service: string }>(consulUrl, "services");
  return services.flatMap(({ ID, Service }) => (Service === service ? [ID] : [])).toSorted();
}

/** The checks that Consul makes of an instance, each with its outcome. */
export async function checksOf(consulUrl: string, id: string): Promise<string[]> {
  const checks = await fromAgent<{ Name: string; ServiceID: string; Status: string }>(consulUrl, "checks");
  return checks.flatMap(({ Name, ServiceID, Status }) => (ServiceID === id ? [`${Name} ${Status}`] : []));
}

async function fromAgent<T>(consulUrl: string, what: "services" | "checks"): Promise<T[]> {
  const answer: Record<string, T> = JSON.parse(await (await fetch(`${consulUrl}/v1/agent/${what}`)).text());
  return Object.values(answer);
}

async function healthy(consulUrl: string, service: string): Promise<{ ID: string; Port: number }[]> {
  const response = await fetch(`${consulUrl}/v1/health/service/${service}?passing=true`);
  const entries: unknown = await response.json();
  if (!Array.isArray(entries)) throw new Error("Consul's answer is not a list");
  return entries.map((entry: { Service: { ID: string; Port: number } }) => entry.Service);
}

function namedQueue(name: string) {
  return implementSome(QueueServiceService, {
    get: async () => GetResponse.fromPartial({ task: { id: name } }),
    async *watch(_, { signal }) {
      yield WatchResponse.create();
      await once(signal, "abort");
    },
  });
}
