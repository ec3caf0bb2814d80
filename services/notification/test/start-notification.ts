import { fileURLToPath } from "node:url";
import { type Client, createClient } from "@ccsp/grpc-kit";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { type ServiceProcess, startServiceProcess } from "@ccsp/testkit";

export interface RunningNotification extends ServiceProcess {
  readonly client: Client<typeof NotificationServiceService>;
}

/** Starts this service as a separate process, with a client. `stop` closes the client too. */
export async function startNotification(env: Readonly<Record<string, string>>): Promise<RunningNotification> {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const service = await startServiceProcess({ name: "notification", folder, env });
  const client = createClient(NotificationServiceService, service.address);
  const stop = async () => {
    client.close();
    await service.stop();
  };
  return { ...service, client, stop };
}
