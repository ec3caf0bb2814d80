import { mkdir, readdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join, relative, sep } from "node:path";
import type { Logger } from "pino";
import { allowedHosts } from "./allowed-hosts.js";
import type { SandboxNetwork } from "./config.js";
import { openHostProxy } from "./host-proxy.js";
import {
  executableMounts,
  inFolder,
  isWithin,
  type Mount,
  mountArguments,
  pathMounts,
  programMounts,
  systemArguments,
} from "./mounts.js";
import { proxyEnvironment, upstreamOf, withProxy } from "./proxy-environment.js";
import type { OpenSandbox, RunToConfine, Sandbox } from "./sandbox.js";

export interface BubblewrapOptions {
  /** Absolute path. */
  readonly bwrap: string;
  /** Absolute path. Undefined: the network is not `hosts`. */
  readonly socat: string | undefined;
  readonly network: SandboxNetwork;
  readonly hosts: readonly string[];
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly bytes: number;
  /** PATH of engines. */
  readonly path: string;
  /** A folder for files of the sandbox itself. Runs may read them. */
  readonly folder: string;
  readonly log: Logger;
}

/** Where a run finds the socket of its proxy. */
const SOCKET = "/run/ccsp-hosts.sock";
/** The name of that socket in the host's temporary folder of the run. The path of a socket must be short. */
const SOCKET_NAME = "hosts";

/** Runs each command with bubblewrap (https://github.com/containers/bubblewrap). */
export async function createBubblewrap(options: BubblewrapOptions): Promise<Sandbox> {
  const fixed = await fixedArguments(options);
  return { open: (run) => openBubblewrap(run, fixed, options) };
}

async function openBubblewrap(
  run: RunToConfine,
  fixed: readonly string[],
  options: BubblewrapOptions,
): Promise<OpenSandbox> {
  const { bwrap, network, bytes, log } = options;
  const { folder, env, access } = run;
  const keeps = [...(access.keeps ?? []), ...(access.keepsAt ?? []).map(({ source }) => source)];
  for (const kept of keeps) await mkdir(kept, { recursive: true, mode: 0o700 });
  // All that can fail comes before the proxy: if this function rejects, nobody closes the proxy.
  const mounts = await mountsOf(run, options);
  const hosts = network === "hosts" ? [...(access.hosts ?? []), ...options.hosts] : [];
  const proxy =
    hosts.length === 0
      ? undefined
      : await openHostProxy({
          path: join(folder.tmp, SOCKET_NAME),
          allows: allowedHosts(hosts),
          upstream: upstreamOf(env),
          onRefused: (host) => log.info({ run: run.run, host }, "a run may not reach this host"),
        });
  if (proxy) mounts.push({ path: SOCKET, how: "read", source: join(folder.tmp, SOCKET_NAME) });
  const line = [
    bwrap,
    ...fixed,
    ...mountArguments(mounts, bytes),
    ...["--remount-ro", "/", "--chdir", folder.work, "--"],
    ...(proxy && options.socat ? withProxy(options.socat, SOCKET) : []),
  ];
  return { line, env: proxy ? proxyEnvironment(env, hosts) : env, close: async () => proxy?.close() };
}

/** All but the mounts of one run. */
async function fixedArguments({ network, bytes, folder }: BubblewrapOptions): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, gid, username } = userInfo();
  const [passwd, group] = [join(folder, "passwd"), join(folder, "group")];
  // The run has the same user, so nobody else has to read them.
  const owners = { mode: 0o600 };
  await writeFile(passwd, `${username}:x:${uid}:${gid}::/tmp:/bin/sh\n`, owners);
  await writeFile(group, `${username}:x:${gid}:\n`, owners);
  return [
    // If bubblewrap is killed, the kernel kills the first process of the run's pid namespace, and with it all others.
    ...["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...(network === "full" ? [] : ["--unshare-net"]),
    // Only root has capabilities to lose. `root` in a sandbox is then a user like others.
    ...["--cap-drop", "ALL", "--hostname", "sandbox"],
    ...systemArguments(),
    ...["--ro-bind", passwd, "/etc/passwd", "--ro-bind", group, "/etc/group"],
    ...["--proc", "/proc", "--dev", "/dev", "--size", String(bytes), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    ...[
      "--perms",
      "1777",
      "--size",
      String(bytes),
      "--tmpfs",
      "/tmp",
      "--dir",
      "/var",
      "--symlink",
      "/tmp",
      "/var/tmp",
    ],
    ...["--dir", "/run"],
  ];
}

/** What one run sees in addition: its folders, its executable, and what its engine and the operator name. */
async function mountsOf(
  { folder, keepsWork, command, env, access }: RunToConfine,
  { reads, writes, path, socat }: BubblewrapOptions,
): Promise<Mount[]> {
  const given: readonly Mount[] = [
    ...pathMounts(path),
    ...(socat ? programMounts(socat) : []),
    ...[...reads, ...(access.reads ?? [])].map((each): Mount => ({ path: each, how: "read" })),
  ];
  const executable = executableMounts(command).filter(({ path: at }) => !given.some((has) => isWithin(at, has.path)));
  const home = env["HOME"] ?? folder.home;
  const ownHome = isWithin(home, folder.path) || home === sep;
  return [
    ...given,
    ...executable,
    ...(access.empties ?? []).map((each): Mount => ({ path: each, how: "memory" })),
    ...(ownHome ? [] : [{ path: home, how: "memory" } as const]),
    ...(await folderMounts(folder, keepsWork)),
    ...[...writes, ...(access.writes ?? []), ...(access.keeps ?? [])].map(
      (each): Mount => ({ path: each, how: "write" }),
    ),
    ...(access.keepsAt ?? []).map((each): Mount => ({ ...each, how: "write" })),
  ];
}

/** The run's own folders, in memory. What its engine prepared there is read-only. */
async function folderMounts(folder: RunToConfine["folder"], keepsWork: boolean): Promise<readonly Mount[]> {
  const home = relative(folder.path, folder.home);
  const prepared = (await readdir(folder.path)).filter((name) => name !== home && name !== "work");
  return [
    { path: folder.path, how: "memory" },
    { path: folder.tmp, how: "memory" },
    { path: folder.home, how: "folder" },
    { path: folder.work, how: keepsWork ? "write" : "folder" },
    ...inFolder(folder.path, prepared, "read"),
    ...inFolder(folder.home, await readdir(folder.home), "read"),
  ];
}
