import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ManagedProcess, startProcess } from "@ccsp/fleet";
import { createAuthority, eventually } from "@ccsp/testkit";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const COMPONENTS = join(ROOT, "k8s/components");
const PROBE = fileURLToPath(new URL("./redis-probe.ts", import.meta.url));
const DOMAIN = "redis-headless.ccsp.svc";
const PASSWORD = "a-password-of-this-test";
const PODS = [0, 1, 2] as const;
/** `terminationGracePeriodSeconds` of redis.yaml. */
const GRACE_MS = 30_000;

/** The network of the pods: each has its own address behind one bridge. All of it ends with this process. */
const NETWORK = `
set -e
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
ip addr add 10.77.0.254/24 dev br0
mount -t tmpfs tmpfs /run
mount --bind "$1" /etc/hosts
for pod in 0 1 2; do
  ip netns add "redis-$pod"
  ip link add "pod$pod" type veth peer name eth0 netns "redis-$pod"
  ip link set "pod$pod" master br0 up
  ip -n "redis-$pod" addr add "10.77.0.1$pod/24" dev eth0
  ip -n "redis-$pod" link set eth0 up
  ip -n "redis-$pod" link set lo up
done
echo ready
exec sleep infinity
`;

/** One try of the probe to write. */
export interface Write {
  readonly begunMs: number;
  readonly endedMs: number;
  /** The replicas that confirmed it. Undefined: it was refused. */
  readonly replicas?: number;
  readonly refused?: string;
}

/** What the probe has seen of a story. */
export interface Seen {
  readonly writes: readonly Write[];
  readonly refused: number;
  /** The longest time from one accepted write to the next one, in ms. */
  readonly longestGapMs: number;
  readonly confirmed: number;
  readonly lost: number;
}

interface Pod {
  redis: ManagedProcess;
  sentinel: ManagedProcess;
}

/**
 * The three pods of k8s/components/redis-sentinel as processes, each in a network namespace with its own address and
 * name, with TLS. They run the component's own scripts and redis.conf; only the paths of the folders are others. It needs
 * root. Nothing of it is left after `close`.
 */
export async function startRedisPods(context: Parameters<typeof createAuthority>[0], path: string) {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-redis-pods-"));
  const authority = await createAuthority(context);
  await writeFile(join(dir, "ca.crt"), authority.ca);
  const hosts = PODS.map((pod) => `10.77.0.1${pod} redis-${pod}.${DOMAIN}`).join("\n");
  await writeFile(join(dir, "hosts"), `127.0.0.1 localhost\n${hosts}\n`);
  const hash = createHash("sha256").update(PASSWORD).digest("hex");
  const users = await readFile(join(ROOT, "deploy/redis/users.acl"), "utf8");
  const secrets = await readFile(join(ROOT, "k8s/secrets.sh"), "utf8");
  /** The rights as k8s/secrets.sh writes them. */
  const rightsOf = (user: string): string => {
    const echo = new RegExp(`user ${user} reset on #\\$\\(.*?\\)"\\) ([^"]*)"(?: \\\\\\n *"([^"]*)")?`);
    const [, rights, more = ""] = echo.exec(secrets) ?? [];
    if (rights === undefined) throw new Error(`k8s/secrets.sh gives no rights to ${user}`);
    return `user ${user} reset on #${hash} ${rights} ${more}\n`;
  };
  const acl = `${users.replaceAll("#SHA256-OF-PASSWORD", `#${hash}`)}${rightsOf("replication")}${rightsOf("sentinel")}`;
  for (const pod of PODS) {
    const folder = join(dir, String(pod));
    const inFolder = (text: string) =>
      text.replaceAll("/etc/ccsp", join(folder, "etc")).replaceAll(/(?<![\w-])\/data\b/g, join(folder, "data"));
    for (const each of ["etc/config", "etc/redis", "etc/tls", "data"])
      await mkdir(join(folder, each), { recursive: true });
    for (const file of [
      "redis-sentinel/start.sh",
      "redis-sentinel/drain.sh",
      "redis-sentinel/ready.sh",
      "redis-sentinel/redis.conf",
      "redis-certificate/follow-certificate.sh",
    ])
      await writeFile(
        join(folder, "etc/config", file.split("/")[1] ?? ""),
        inFolder(await readFile(join(COMPONENTS, file), "utf8")),
      );
    await writeFile(join(folder, "etc/redis/users.acl"), acl);
    for (const name of ["sentinel", "replication", "certificates"])
      await writeFile(join(folder, `etc/redis/${name}-password`), PASSWORD);
    const { certificate, key } = await authority.issue(`redis-${pod}.${DOMAIN}`);
    await writeFile(join(folder, "etc/tls/tls.crt"), certificate);
    await writeFile(join(folder, "etc/tls/tls.key"), key);
    await writeFile(join(folder, "etc/tls/ca.crt"), authority.ca);
  }
  const server = process.env["REDIS_SERVER_BIN"];
  const PATH = server === undefined ? path : `${dirname(server)}:${path}`;
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const opened: ManagedProcess[] = [];
  let networkIsUp = (): void => undefined;
  const up = new Promise<void>((resolve) => {
    networkIsUp = resolve;
  });
  const network = await startProcess({
    name: "network",
    command: "/usr/bin/unshare",
    args: ["--net", "--mount", "sh", "-c", NETWORK, "network", join(dir, "hosts")],
    env: { PATH },
    onLine: (line) => (line === "ready" ? networkIsUp() : say(line)),
  });
  const enter = ["-t", String(network.pid), "--net", "--mount", "--wd=/"];
  await Promise.race([
    up,
    network.exited.then(() => {
      throw new Error(`no network: ${network.lastLines().join("\n")}`);
    }),
  ]);

  /** Runs a script of the component in a pod. */
  const run = async (pod: number, ...command: string[]): Promise<ManagedProcess> => {
    const [script = "", ...args] = command;
    const started = await startProcess({
      name: `${command.join(" ")} of redis-${pod}`,
      command: "/usr/bin/nsenter",
      args: [
        ...enter,
        "ip",
        "netns",
        "exec",
        `redis-${pod}`,
        "sh",
        join(dir, String(pod), "etc/config", script),
        ...args,
      ],
      env: { PATH, HOSTNAME: `redis-${pod}` },
      onLine: (line) => say(`${pod} ${line}`),
    });
    opened.push(started);
    return started;
  };
  const start = async (pod: number): Promise<Pod> => ({
    redis: await run(pod, "start.sh", "redis"),
    sentinel: await run(pod, "start.sh", "sentinel"),
  });
  const pods: Pod[] = await Promise.all(PODS.map(start));
  const cli = async (pod: number, port: number, ...words: string[]): Promise<string> => {
    const output: string[] = [];
    const login = port === 6379 ? ["--user", "admin"] : [];
    const asked = await startProcess({
      name: "redis-cli",
      command: "/usr/bin/nsenter",
      args: [
        ...[...enter, "redis-cli", "--tls", "--cacert", join(dir, "ca.crt"), ...login, "--raw"],
        ...["-h", `redis-${pod}.${DOMAIN}`, "-p", String(port), ...words],
      ],
      env: { PATH, REDISCLI_AUTH: PASSWORD },
      onLine: (line) => void output.push(line),
    });
    await asked.exited;
    return output.join("\n");
  };

  return {
    lines,
    cli,
    pods,
    isReady: async (pod: number) => (await (await run(pod, "ready.sh")).exited).code === 0,
    /** The pod that has the master, as the Sentinel of `pod` says. */
    async masterOf(pod: number): Promise<number> {
      return Number(/redis-(\d)/.exec(await cli(pod, 26379, "sentinel", "get-master-addr-by-name", "ccsp"))?.[1] ?? -1);
    },
    /** What the kubelet does to a pod that is deleted. Resolves to how long `preStop` took, in ms. */
    async remove(pod: number): Promise<number> {
      const { redis, sentinel } = pods[pod] ?? assertNever(pod);
      const begunMs = performance.now();
      const ended = sentinel.stop(GRACE_MS);
      await (await run(pod, "drain.sh")).exited;
      const tookMs = performance.now() - begunMs;
      await Promise.all([redis.stop(Math.max(0, GRACE_MS - tookMs)), ended]);
      return tookMs;
    },
    async start(pod: number): Promise<void> {
      pods[pod] = await start(pod);
    },
    /** Begins to write from outside of the pods. The result says what happened until then. */
    async probe(): Promise<() => Promise<Seen>> {
      const url = `rediss+sentinel://admin:${PASSWORD}@${PODS.map((pod) => `redis-${pod}.${DOMAIN}:26379`).join(",")}/ccsp`;
      const node = [process.execPath, "--import", "tsx", "--conditions", "ccsp-src", PROBE];
      const writes: Write[] = [];
      let last = { confirmed: 0, lost: 0 };
      const end = join(dir, "end");
      await rm(end, { force: true });
      // The probe reads its standard input, which ends when the file is there.
      const wait = `(until [ -e "$0" ]; do sleep 0.1; done) | exec "$@"`;
      const probe = await startProcess({
        name: "probe",
        command: "/usr/bin/nsenter",
        args: [
          ...enter.slice(0, -1),
          `--wd=${ROOT}packages/redis-kit`,
          "sh",
          "-c",
          wait,
          end,
          ...node,
          url,
          `:${PASSWORD}`,
          join(dir, "ca.crt"),
        ],
        env: { PATH },
        onLine: (line) => {
          if (!line.startsWith("{")) {
            say(`probe ${line}`);
            return;
          }
          const entry: Write & { readonly confirmed?: number; readonly lost?: number } = JSON.parse(line);
          if (entry.confirmed === undefined) writes.push(entry);
          else last = { confirmed: entry.confirmed, lost: entry.lost ?? 0 };
        },
      });
      opened.push(probe);
      await eventually(() => assert.ok(writes.length > 0), { timeoutMs: 60_000, what: "the first write of the probe" });
      return async () => {
        await writeFile(end, "");
        await probe.exited;
        const accepted = writes.filter(({ replicas }) => replicas !== undefined);
        const gaps = accepted.slice(1).map(({ endedMs }, at) => endedMs - (accepted[at]?.endedMs ?? endedMs));
        const refused = writes.length - accepted.length;
        return { writes, refused, longestGapMs: Math.max(0, ...gaps), ...last };
      };
    },
    async close(): Promise<void> {
      await Promise.all(opened.toReversed().map((each) => each.stop(2_000)));
      await network.stop(0);
      await authority.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function assertNever(pod: number): never {
  throw new Error(`there is no pod ${pod}`);
}
