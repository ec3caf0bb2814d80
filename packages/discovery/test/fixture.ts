import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, type GrpcServer, implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { GetResponse, QueueServiceService, WatchResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import { pino } from "pino";
import { announce, registerSchemes } from "../src/index.js";

export const log = pino({ level: "silent" });

type Closable = { close(): unknown };

/** A gRPC server that tells callers its own name, its ops port, and its place in Consul. */
export interface Instance {
  readonly port: number;
  /** What Consul asks: it answers every request with `status`. */
  readonly ops: Ops;
  /** Leaves as a service does: out of Consul, then down. */
  stop(): Promise<void>;
  /** Goes down without a word to Consul, which goes on listing it until its check has failed. */
  vanish(): Promise<void>;
}

export interface Ops {
  readonly server: Server;
  status: 200 | 503;
  close(): Promise<void>;
}

/** Instances, clients and schemes of one test; `close` ends whatever is left open, newest first. */
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
    this.own(registerSchemes({ consulUrl, log }));
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

  async start(name: string, consulUrl: string, service: string): Promise<Instance> {
    const server = await this.serve(name);
    const ops = this.own(await serveOps());
    const { port } = server;
    const host = "127.0.0.1";
    const { port: opsPort } = ops.server.address() as AddressInfo;
    const listing = this.own(
      await announce({ consulUrl, name: service, id: name, host, port, ops: { host, port: opsPort }, log }),
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
    /** A stream whose first message answers the call. */
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
  const server = createServer((_, response) => response.writeHead(ops.status).end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const ops: Ops = {
    server,
    status: 200,
    async close() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return ops;
}

/** The ids that Consul lists as healthy. */
export async function listed(consulUrl: string, service: string): Promise<string[]> {
  return (await healthy(consulUrl, service)).map(({ ID }) => ID).toSorted();
}

/** The ports of those that Consul lists as healthy. */
export async function portsOf(consulUrl: string, service: string): Promise<number[]> {
  return (await healthy(consulUrl, service)).map(({ Port }) => Port);
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
