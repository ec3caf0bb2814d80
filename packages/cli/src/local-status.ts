import { askHealth } from "@ccsp/fleet";
import { type GetUsageResponse, MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import {
  type ListNotificationsResponse,
  NotificationServiceService,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { type GetStatusResponse, QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { messageJson } from "./json-forms.js";
import { serviceClient } from "./service-client.js";
import type { FleetState } from "./state.js";

/** The state of one replica and its dependencies that do not answer. Or the reason why the state is not known. */
export interface ServiceStatus {
  readonly name: string;
  readonly index: number;
  readonly port: number;
  readonly status: string;
}

/**
 * The report of a local fleet about itself. A part that does not answer is left out, and the readiness of its service
 * says so.
 */
export interface LocalStatus {
  readonly services: readonly ServiceStatus[];
  readonly queue: GetStatusResponse | undefined;
  readonly usage: GetUsageResponse | undefined;
  readonly notifications: ListNotificationsResponse | undefined;
}

const ANSWER_MS = 2_000;

export async function localStatus(services: FleetState["services"]): Promise<LocalStatus> {
  const target = (wanted: string) => `127.0.0.1:${services.find(({ name }) => name === wanted)?.ports.grpc ?? 0}`;
  const [replicas, queue, usage, notifications] = await Promise.all([
    Promise.all(services.map(readiness)),
    answered(serviceClient(QueueServiceService, target("queue"), ANSWER_MS), (client) => client.getStatus({})),
    answered(serviceClient(MonitorServiceService, target("monitor"), ANSWER_MS), (client) => client.getUsage({})),
    answered(serviceClient(NotificationServiceService, target("notification"), ANSWER_MS), (client) =>
      client.listNotifications({ pageSize: 5 }),
    ),
  ]);
  return { services: replicas, queue, usage, notifications };
}

async function answered<C extends { close(): void }, T>(
  client: C,
  ask: (client: C) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask(client);
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

async function readiness({ name, index, ports }: FleetState["services"][number]): Promise<ServiceStatus> {
  const row = { name, index, port: ports.grpc };
  try {
    const { state, failing } = await askHealth(ports.ops);
    const missing = Object.entries(failing).map(([dependency, why]) => `${dependency}: ${why}`);
    return { ...row, status: missing.length > 0 ? `${state}, but fails (${missing.join("; ")})` : state };
  } catch {
    return { ...row, status: "does not answer" };
  }
}

/** The status as JSON. Messages are in the JSON form of CCSP. */
export async function localStatusJson({ services, queue, usage, notifications }: LocalStatus): Promise<object> {
  return {
    services,
    queue: queue && (await messageJson("ccsp.queue.v1.GetStatusResponse", queue)),
    usage: usage && (await messageJson("ccsp.monitor.v1.GetUsageResponse", usage)),
    notifications:
      notifications && (await messageJson("ccsp.notification.v1.ListNotificationsResponse", notifications)),
  };
}
