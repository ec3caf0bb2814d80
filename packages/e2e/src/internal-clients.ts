import { createClient } from "@ccsp/grpc-kit";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { World } from "./world.js";

/** Clients of the services that agents cannot reach. The caller closes them. */
export const queueClient = (world: World) => createClient(QueueServiceService, addressOf(world, "queue"));
export const executorClient = (world: World) => createClient(ExecutorServiceService, addressOf(world, "executor"));
export const monitorClient = (world: World) => createClient(MonitorServiceService, addressOf(world, "monitor"));
export const notificationClient = (world: World) =>
  createClient(NotificationServiceService, addressOf(world, "notification"));

function addressOf(world: World, name: string): string {
  const process = world.fleet.processes().find((candidate) => candidate.name === name);
  if (!process) throw new Error(`the fleet has no ${name}`);
  return `127.0.0.1:${process.ports.grpc}`;
}
