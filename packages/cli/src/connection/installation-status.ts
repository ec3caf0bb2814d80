import { hasScope, type Scope } from "@ccsp/identity";
import type { ListExecutorsResponse } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { GetUsageResponse } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import type { ListNotificationsResponse } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { rolesWith } from "../auth/roles.js";
import { executorJson, messageJson } from "../output/json-forms.js";
import { messageOf } from "../process/exit.js";
import type { Operator } from "./operator.js";

/** What operators may see of an installation. A part that the token does not show, or that did not answer, is absent. */
interface Parts {
  readonly queue?: GetStatusResponse | undefined;
  readonly executors?: ListExecutorsResponse | undefined;
  readonly usage?: GetUsageResponse | undefined;
  readonly notifications?: ListNotificationsResponse | undefined;
}

export interface InstallationStatus {
  readonly parts: Parts;
  /** Why the other parts are absent, for people. */
  readonly missing: readonly string[];
}

/** Asks for each part that these scopes show. Never throws. */
export async function askInstallation(gateway: Operator, scopes: readonly string[]): Promise<InstallationStatus> {
  const absent = new Map<string, string[]>();
  const part = async <T>(name: string, scope: Scope, ask: () => Promise<T>): Promise<T | undefined> => {
    const leaveOut = (why: string) => absent.set(why, [...(absent.get(why) ?? []), name]);
    if (!hasScope(scopes, scope))
      return void leaveOut(`needs the scope ${scope} (role ${rolesWith(scope).join(" or ")})`);
    try {
      return await ask();
    } catch (error) {
      return void leaveOut(messageOf(error));
    }
  };
  const [queue, executors, usage, notifications] = await Promise.all([
    part("queue", "tasks:read-all", () => gateway.getStatus({})),
    part("executors", "monitor:read", () => gateway.listExecutors({})),
    part("usage", "monitor:read", () => gateway.getUsage({})),
    part("notifications", "monitor:read", () => gateway.listNotifications({ pageSize: 5 })),
  ]);
  const missing = [...absent].map(([why, names]) => `not shown: ${names.join(", ")}: ${why}`);
  return { parts: { queue, executors, usage, notifications }, missing };
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
