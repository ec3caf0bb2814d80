import { Notification } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { fromStoredJson } from "@ccsp/protos/from-json.js";
import { toStoredJson } from "@ccsp/protos/json.js";
import type { Delivered } from "../domain/notice.js";

const TYPE = "ccsp.notification.v1.Notification";

/** Returns the JSON of the message of the API, on one line. Files and Redis store it. */
export function toJsonLine(delivered: Delivered): string {
  // A field that the message does not have would be left out without a word.
  const message: Pick<Notification, keyof Delivered> = delivered;
  return JSON.stringify(toStoredJson(TYPE, message));
}

export function fromJsonLine(line: string): Delivered {
  const { id, eventType, eventTime, taskId, agentId, summary, channel, deliveryTime } = Notification.fromPartial(
    fromStoredJson(TYPE, JSON.parse(line)),
  );
  const times = { eventTime: eventTime ?? new Date(0), deliveryTime: deliveryTime ?? new Date(0) };
  return { id, eventType, taskId, agentId, summary, channel, ...times };
}
