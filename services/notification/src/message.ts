import { Notification } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { Delivery } from "./domain/notification.js";

/** Converts a delivery to the message of the API. Files and Redis store the JSON of this message. */
export function toMessage(delivery: Delivery): Notification {
  return { ...delivery };
}

/** Returns the JSON of the message on one line. */
export function toJsonLine(delivery: Delivery): string {
  return JSON.stringify(Notification.toJSON(toMessage(delivery)));
}

export function fromJsonLine(line: string): Delivery {
  const { eventTime = new Date(0), deliveryTime = new Date(0), ...rest } = Notification.fromJSON(JSON.parse(line));
  return { ...rest, eventTime, deliveryTime };
}
