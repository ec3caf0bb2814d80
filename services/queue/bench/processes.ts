import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort, type ManagedProcess, serviceProgram, startProcess } from "@ccsp/fleet";
import { ENGINE } from "./ours.js";
import { connectRaw } from "./raw-call.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
export const SECRET = "a secret of this benchmark and of nothing else";

/** A server in its own process, on loopback, that accepts calls. */
export interface Served {
  readonly address: string;
  /** CPU time that the process has used until now. */
  cpuMicros(): number;
  close(): Promise<void>;
}

export async function startEcho(): Promise<Served> {
  const port = await freePort();
  const program = fileURLToPath(new URL("echo-server.ts", import.meta.url));
  return served("echo", port, ["--import", "tsx", program, String(port)], {});
}

// proc(5): utime and stime are fields 14 and 15, in ticks of a hundredth second. The pattern removes what is before the
// state, a letter in field 3: the pid and the name in brackets.
function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** A server that died makes every figure worthless. */
function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

/** One replica of the queue as it is deployed, with bounds that no benchmark reaches. */
export async function startQueue(redisUrl: string): Promise<Served> {
  return service("queue", { CCSP_REDIS_URL: redisUrl, CCSP_ENGINES: ENGINE, CCSP_QUEUE_MAX_WAITING: "2000000" });
}

/** A gateway without limits for each caller and each address. */
export async function startGateway(queueAddress: string, redisUrl: string): Promise<Served> {
  const limits = ["CALLER", "ADDRESS"].flatMap((who) => ["REQUESTS", "BYTES", "CALLS"].map((what) => `${who}_${what}`));
  return service("gateway", {
    CCSP_QUEUE_TARGET: queueAddress,
    CCSP_REDIS_URL: redisUrl,
    CCSP_JWT_SECRET: SECRET,
    CCSP_GATEWAY_HTTP_LISTEN: "127.0.0.1:0",
    ...Object.fromEntries(limits.map((name) => [`CCSP_GATEWAY_${name}`, "0"])),
  });
}

async function service(name: "queue" | "gateway", env: Readonly<Record<string, string>>): Promise<Served> {
  const [port, opsPort] = [await freePort(), await freePort()];
  return served(name, port, serviceProgram(`${ROOT}services/${name}`), {
    [`CCSP_${name.toUpperCase()}_LISTEN`]: `127.0.0.1:${port}`,
    [`CCSP_${name.toUpperCase()}_OPS_LISTEN`]: `127.0.0.1:${opsPort}`,
    CCSP_CONSUL_URL: "",
    ...env,
  });
}

async function served(
  name: string,
  port: number,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Served> {
  const profile = process.env["PROFILE"];
  const child: ManagedProcess = await startProcess({
    name,
    command: process.execPath,
    // PROFILE=folder writes one .cpuprofile for each process.
    args: [
      ...(profile ? ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}-${port}.cpuprofile`] : []),
      ...args,
    ],
    env,
    cwd: ROOT,
  });
  child.exited
    .then(({ code, signal }) => {
      if (code === 0 || signal === "SIGTERM") return;
      throw new Error(`${name} ended early:\n${child.lastLines().join("\n")}`);
    })
    .catch(fail);
  const address = `127.0.0.1:${port}`;
  (await connectRaw(address, 1)).close();
  return { address, cpuMicros: () => cpuMicros(child.pid), close: async () => void (await child.stop()) };
}
