import { fileURLToPath } from "node:url";
import { type Client, createClient } from "@ccsp/grpc-kit";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { type ServiceProcess, startServiceProcess } from "@ccsp/testkit";

export interface RunningMonitor extends ServiceProcess {
  readonly client: Client<typeof MonitorServiceService>;
}

/** Only a gap in the events needs the queue. */
const NO_QUEUE = "static:///127.0.0.1:9";

/** Starts this service as a separate process, with a client. `stop` closes the client too. */
export async function startMonitor(env: Readonly<Record<string, string>>): Promise<RunningMonitor> {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const service = await startServiceProcess({ name: "monitor", folder, env: { CCSP_QUEUE_TARGET: NO_QUEUE, ...env } });
  const client = createClient(MonitorServiceService, service.address);
  const stop = async () => {
    client.close();
    await service.stop();
  };
  return { ...service, client, stop };
}
