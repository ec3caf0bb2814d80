import { formatHostPort, type ServiceSettings } from "@ccsp/config";
import { announce, registerSchemes } from "@ccsp/discovery";
import { createClient, type GrpcServer, type Implementation, serveGrpc } from "@ccsp/grpc-kit";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { createMetrics, type OpsServer, serveOps } from "@ccsp/telemetry";
import { openCredentials } from "./credentials.js";
import type { ServiceDefinition, StartContext } from "./definition.js";
import { createHeartbeat } from "./heartbeat/heartbeat.js";
import { heartbeatSender } from "./heartbeat/send-heartbeats.js";
import type { Resource, ServiceContext } from "./run.js";

/** Added to the longest close, which is that of the gRPC server. */
const CLOSE_MARGIN_MS = 5_000;

/** How long each resource of a service may take to close. */
export const closeMsFor = ({ drainMs, lameDuckMs }: ServiceSettings): number => drainMs + lameDuckMs + CLOSE_MARGIN_MS;

/** Starts a service within `runService`. Resolves when /ready is 200. */
export async function startService<C extends { readonly service: ServiceSettings }>(
  definition: ServiceDefinition<C>,
  config: C,
  context: ServiceContext,
): Promise<void> {
  const { open, log, stopping } = context;
  const { name, instance, consul, advertiseHost, drainMs, lameDuckMs, ...service } = config.service;
  const registry = createMetrics(name);
  let ops: OpsServer | undefined;
  let served: readonly Implementation[] = [];
  let server: GrpcServer | undefined;
  let schemes: Promise<Resource> | undefined;

  const credentials = await openCredentials(config.service, context);
  const openClient: StartContext["openClient"] = async (called, target, options) => {
    schemes ??= open("discovery", registerSchemes({ consul, log }));
    await schemes;
    const client = createClient(called, target, { ...options, credentials: credentials.toCall(called) });
    await open(`client of ${target}`, { close: async () => client.close() });
    return client;
  };
  const { certificateExpires } = credentials;
  const heartbeat = await open(
    "heartbeat",
    createHeartbeat({ service: name, instance, registry, certificateExpires }, () => ({
      ops,
      services: served,
      openStreams: () => server?.openStreams ?? 0,
    })),
  );
  const { everyMs, target } = config.service.heartbeat;
  const monitor = target && (await openClient(MonitorServiceService, target, { untraced: ["heartbeat"] }));
  // Opened before the rest, so that it closes last: the last heartbeat has the counts of all calls.
  const sender = await open("heartbeats", heartbeatSender({ heartbeat, everyMs, stopping, log }));
  await definition.start(config, {
    ...context,
    registry,
    portTls: credentials.portTls,
    heartbeat,
    openClient,
    // The address comes from another service. `unix:80` alone would be a socket of this host, and `consul:80` a name.
    connect: (called, address) =>
      createClient(called, `dns:///${address}`, { credentials: credentials.toCall(called) }),
    async serveOps(checks) {
      const opened = await open("ops", serveOps({ listen: service.opsListen, registry, log, checks }));
      stopping.addEventListener("abort", () => opened.setDraining(), { once: true });
      ops = opened;
    },
    async serveGrpc(services, options) {
      if (ops === undefined) throw new Error(`${name} has to serve its ops port first: Consul asks there`);
      served = services;
      server = await open(
        "grpc",
        serveGrpc({
          admit: credentials.admit,
          ...options,
          listen: service.listen,
          credentials: credentials.port,
          services,
          log,
          registry,
          drainMs,
          lameDuckMs,
        }),
      );
      const { port } = server;
      const asked = { host: service.opsHost, port: ops.port };
      const id = `${name}-${instance}`;
      await open("consul", announce({ consul, name, id, host: advertiseHost, port, ops: asked, log }));
      return { address: formatHostPort({ host: advertiseHost, port }) };
    },
  });
  ops?.setReady();
  if (monitor) sender.start((request, options) => monitor.heartbeat(request, options));
}
