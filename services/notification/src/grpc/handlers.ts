import type { Handlers } from "@ccsp/grpc-kit";
import type { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { DeliveryLog } from "../domain/delivery-log.js";
import { listDeliveries } from "../domain/listing.js";
import { toMessage } from "../message.js";

export function notificationHandlers(log: DeliveryLog): Handlers<typeof NotificationServiceService> {
  return {
    listNotifications: async (request) => {
      const { deliveries, next } = await listDeliveries(log, request);
      return { notifications: deliveries.map(toMessage), nextPageToken: next ?? "" };
    },
    notify: notBuilt,
    watchIssue: notBuilt,
    updateIssue: notBuilt,
  };
}

function notBuilt(): never {
  throw new Error("not built yet");
}
