import type { ServiceName } from "@ccsp/fleet";
import { type ClientOptions, createClient, type ServiceShape } from "@ccsp/grpc-kit";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { serviceChannel } from "./service-channel.js";
import type { World } from "./world.js";

/** Clients of the services that agents cannot reach, with the gateway's certificate. The caller closes them. */
export const queueClient = (world: World, index = 0) => clientOf(world, QueueServiceService, { to: "queue", index });
export const executorClient = (world: World) => clientOf(world, ExecutorServiceService, { to: "executor" });
export const monitorClient = (world: World) => clientOf(world, MonitorServiceService, { to: "monitor" });
export const notificationClient = (world: World) => clientOf(world, NotificationServiceService, { to: "notification" });

function clientOf<D extends ServiceShape>(
  world: World,
  definition: D,
  { to, index = 0 }: { readonly to: ServiceName; readonly index?: number },
) {
  const options: ClientOptions<D> = { credentials: serviceChannel(world.certificates, { as: "gateway", to }) };
  return createClient(definition, addressOf(world, to, index), options);
}

/** Where a replica of the service serves gRPC. */
export const addressOf = (world: World, name: ServiceName, index = 0): string =>
  `127.0.0.1:${portOf(world, name, index)}`;

export function portOf({ fleet }: World, service: ServiceName, index = 0): number {
  const replica = fleet.processes().filter(({ name }) => name === service)[index];
  if (!replica) throw new Error(`the fleet has no ${service} with index ${index}`);
  return replica.ports.grpc;
}
