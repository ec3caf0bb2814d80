import { namesFor } from "@ccsp/config";
import { loadExecutorService } from "@ccsp/executor";
import type { ServiceName } from "@ccsp/fleet";
import { gatewayService } from "@ccsp/gateway";
import { monitorService } from "@ccsp/monitor";
import { notificationService } from "@ccsp/notification";
import { queueService } from "@ccsp/queue";

type Values = Readonly<Record<string, string>>;
export type SettingsByService = Readonly<Record<ServiceName, Values>>;

const EVERYBODYS = /^OTEL_/;

/**
 * Divides these settings among the services. Each service gets only its own settings, so that no other service has a
 * provider's key or the secret of tokens. Settings that no service knows go to the executors, because only executors
 * load plugins with their own settings. All services get the settings of OpenTelemetry.
 */
export async function settingsByService(settings: Values): Promise<SettingsByService> {
  const names = {
    gateway: namesFor(settings, (reader) => gatewayService.define(reader)),
    queue: namesFor(settings, (reader) => queueService.define(reader)),
    monitor: namesFor(settings, (reader) => monitorService.define(reader)),
    notification: namesFor(settings, (reader) => notificationService.define(reader)),
  };
  // Loads it without its plugins: their code must not run in this process.
  const executor = await loadExecutorService({});
  const known = new Set(Object.values(names).flat());
  const executors = new Set(namesFor(settings, (reader) => executor.define(reader)));
  const pick = (wanted: (name: string) => boolean): Values =>
    Object.fromEntries(Object.entries(settings).filter(([name]) => EVERYBODYS.test(name) || wanted(name)));
  return {
    gateway: pick((name) => names.gateway.includes(name)),
    queue: pick((name) => names.queue.includes(name)),
    monitor: pick((name) => names.monitor.includes(name)),
    notification: pick((name) => names.notification.includes(name)),
    executor: pick((name) => executors.has(name) || !known.has(name)),
  };
}
