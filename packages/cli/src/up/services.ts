import type { Env, ServiceSettings } from "@ccsp/config";
import { loadExecutorService } from "@ccsp/executor";
import type { ServiceName } from "@ccsp/fleet";
import { gatewayService } from "@ccsp/gateway";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { monitorService } from "@ccsp/monitor";
import { notificationService } from "@ccsp/notification";
import { queueService } from "@ccsp/queue";

export type Definitions = Readonly<Record<ServiceName, ServiceDefinition<{ readonly service: ServiceSettings }>>>;

/** The definition of each service. The executor's has the settings of the plugins that `env` names. */
export async function loadDefinitions(env: Env): Promise<Definitions> {
  return {
    gateway: gatewayService,
    queue: queueService,
    executor: await loadExecutorService(env),
    monitor: monitorService,
    notification: notificationService,
  };
}
