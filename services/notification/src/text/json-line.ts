import { Notification } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { Delivered } from "../domain/notice.js";

/** Returns the JSON of the message of the API, on one line. Files and Redis store it. */
export function toJsonLine(delivered: Delivered): string {
  return JSON.stringify(Notification.toJSON(Notification.fromPartial(delivered)));
}

export function fromJsonLine(line: string): Delivered {
  const { id, eventType, eventTime, taskId, agentId, summary, channel, deliveryTime } = Notification.fromJSON(
    JSON.parse(line),
  );
  const times = { eventTime: eventTime ?? new Date(0), deliveryTime: deliveryTime ?? new Date(0) };
  return { id, eventType, taskId, agentId, summary, channel, ...times };
}
