import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { freePort, type ManagedProcess, startProcess } from "@ccsp/fleet";
import { type Client, createClient } from "@ccsp/grpc-kit";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { eventually } from "@ccsp/testkit";

export interface RunningNotification {
  readonly client: Client<typeof NotificationServiceService>;
  readonly process: ManagedProcess;
  /** Status of a path of the ops port. */
  readonly ops: (path: string) => Promise<number>;
  /** Value of one series, as in `ccsp_notification_channel_deliveries_total{channel="file"`; 0 when there is none. */
  readonly metric: (series: string) => Promise<number>;
  stop(): Promise<void>;
}

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** The service as a process of its own, from source; resolves when it is ready. */
export async function startNotification(env: Readonly<Record<string, string>>): Promise<RunningNotification> {
  const [grpcPort, opsPort] = [await freePort(), await freePort()];
  const lines: string[] = [];
  const child = await startProcess({
    name: "notification",
    command: process.execPath,
    args: ["--import", "tsx", "--conditions", "ccsp-src", "--import", "@ccsp/telemetry/register.js", main],
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    env: {
      CCSP_NOTIFICATION_LISTEN: `127.0.0.1:${grpcPort}`,
      CCSP_NOTIFICATION_OPS_LISTEN: `127.0.0.1:${opsPort}`,
      CCSP_LAME_DUCK: "10ms",
      ...env,
    },
    onLine: (line) => lines.push(line),
  });
  const get = (path: string) => fetch(`http://127.0.0.1:${opsPort}${path}`);
  const ops = async (path: string) => (await get(path)).status;
  const metric = async (series: string) => {
    const text = await (await get("/metrics")).text();
    const line = text.split("\n").find((each) => each.startsWith(series));
    return line === undefined ? 0 : Number(line.split(" ").at(-1));
  };
  const client = createClient(NotificationServiceService, `127.0.0.1:${grpcPort}`);
  const stop = async () => {
    client.close();
    await child.stop();
  };
  try {
    await eventually(async () => assert.equal(await ops("/ready"), 200), { timeoutMs: 15_000 });
  } catch (error) {
    await stop();
    throw new Error(`notification did not get ready: ${lines.join("\n")}`, { cause: error });
  }
  return { client, process: child, ops, metric, stop };
}
