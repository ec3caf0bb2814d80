import { hasScope, type Scope } from "@ccsp/identity";
import type { ListExecutorsResponse } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { GetUsageResponse } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import type { ListNotificationsResponse } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { messageOf } from "./exit.js";
import { executorJson, messageJson } from "./json-forms.js";
import type { Operator } from "./operator.js";
import { rolesWith } from "./roles.js";

/** What operators may see of an installation. */
interface Parts {
  readonly queue: GetStatusResponse;
  readonly executors: ListExecutorsResponse;
  readonly usage: GetUsageResponse;
  readonly notifications: ListNotificationsResponse;
}

/** The parts that the token shows and that answered. */
export interface InstallationStatus {
  readonly parts: Partial<Parts>;
  /** Why the other parts are missing, for people. */
  readonly missing: readonly string[];
}

type Asks = {
  readonly [P in keyof Parts]: { readonly scope: Scope; readonly ask: (gateway: Operator) => Promise<Parts[P]> };
};

const ASKS: Asks = {
  queue: { scope: "tasks:read-all", ask: (gateway) => gateway.getStatus({}) },
  executors: { scope: "monitor:read", ask: (gateway) => gateway.listExecutors({}) },
  usage: { scope: "monitor:read", ask: (gateway) => gateway.getUsage({}) },
  notifications: { scope: "monitor:read", ask: (gateway) => gateway.listNotifications({ pageSize: 5 }) },
};

const NAMES = ["queue", "executors", "usage", "notifications"] as const satisfies readonly (keyof Parts)[];

/** Asks for each part that these scopes show. Never throws. */
export async function askInstallation(gateway: Operator, scopes: readonly string[]): Promise<InstallationStatus> {
  const parts: { -readonly [P in keyof Parts]?: Parts[P] } = {};
  const faults = new Map<string, string[]>();
  const missing = (why: string, name: string) => faults.set(why, [...(faults.get(why) ?? []), name]);
  const ask = async <P extends keyof Parts>(name: P): Promise<void> => {
    const { scope, ask: call } = ASKS[name];
    if (!hasScope(scopes, scope)) return void missing(`needs the scope ${scope} (${rolesWith(scope)})`, name);
    try {
      parts[name] = await call(gateway);
    } catch (error) {
      missing(messageOf(error), name);
    }
  };
  await Promise.all(NAMES.map(ask));
  return { parts, missing: [...faults].map(([why, names]) => `not shown: ${names.join(", ")}: ${why}`) };
}

/** The parts as JSON. Messages are in the JSON form of CCSP. */
export async function installationJson({ parts }: InstallationStatus): Promise<object> {
  const { queue, executors, usage, notifications } = parts;
  return {
    queue: queue && (await messageJson("ccsp.queue.v1.GetStatusResponse", queue)),
    executors: executors && (await Promise.all(executors.executors.map(executorJson))),
    usage: usage && (await messageJson("ccsp.monitor.v1.GetUsageResponse", usage)),
    notifications:
      notifications && (await messageJson("ccsp.notification.v1.ListNotificationsResponse", notifications)),
  };
}
