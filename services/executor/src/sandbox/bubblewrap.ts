import { execFile } from "node:child_process";
import { type UserInfo, userInfo } from "node:os";
import { join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { makeFolderBelow, openFolder, inFolder as usingFolder } from "@ccsp/engine-kit";
import { executorFiles, operatorFiles } from "@ccsp/engine-kit/own-files";
import type { Logger } from "pino";
import { FolderShared } from "../domain/admission.js";
import { allowedHosts } from "./allowed-hosts.js";
import { type Around, openAround, type Shown } from "./around.js";
import type { SandboxNetwork } from "./config.js";
import { openHostProxy } from "./host-proxy.js";
import {
  executableMounts,
  inFolder,
  isOfSandbox,
  isWithin,
  type Mount,
  mountArguments,
  pathMounts,
  procArguments,
  programMounts,
  systemArguments,
} from "./mounts.js";
import { proxyEnvironment, upstreamOf, withProxy } from "./proxy-environment.js";
import type { OpenSandbox, RunToConfine, Sandbox, StandIn } from "./sandbox.js";
import { systemCallFilter } from "./system-calls.js";

export interface BubblewrapOptions {
  /** Absolute path. */
  readonly bwrap: string;
  /** Absolute path. Undefined: a run has no proxy. */
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

/**
 * The descriptors that bubblewrap gets: the filter of system calls, the kept folder that a run works in, and what the
 * run sees around that folder.
 */
const [FILTER, FOLDER, AROUND] = [3, 4, 5];

/** Runs each command with bubblewrap (https://github.com/containers/bubblewrap). */
export async function createBubblewrap(options: BubblewrapOptions): Promise<Sandbox> {
  const fixed = await fixedArguments(options);
  const bindsDescriptors = await hasOption(options.bwrap, "--bind-fd");
  return {
    noWorkingFolders: bindsDescriptors ? undefined : NO_BIND_FD,
    noStandIns: options.network === "full" ? FULL : options.socat === undefined ? NO_SOCAT : undefined,
    open: (run) => openBubblewrap(run, fixed, options),
  };
}

const NO_BIND_FD =
  "its bubblewrap has no --bind-fd, so a folder could be swapped between its check and its mount; install the system's update of bubblewrap, or 0.10";

const FULL = "CCSP_EXECUTOR_SANDBOX_NETWORK is full, so runs have no network of their own";
const NO_SOCAT = "there is no socat, which connects a run with the executor";

/** Asks the program. Its version says nothing: systems add this option to older ones. */
async function hasOption(program: string, option: string): Promise<boolean> {
  const help = await promisify(execFile)(program, ["--help"], { env: {}, timeout: HELP_MS }).catch(() => undefined);
  return help?.stdout.split(/\s+/).includes(option) === true;
}

const HELP_MS = 10_000;

async function openBubblewrap(
  run: RunToConfine,
  fixed: readonly string[],
  options: BubblewrapOptions,
): Promise<OpenSandbox> {
  const { bwrap, network, bytes, log } = options;
  const { folder, env, access, workingFolder, standIn } = run;
  // Its mount would show all of a folder that the run is to see in parts, and let it write there.
  for (const shared of access.empties ?? []) {
    if (isWithin(folder.work, await realOf(shared))) throw new FolderShared();
  }
  const keeps = [...(access.keeps ?? []), ...(access.keepsAt ?? []).map(({ source }) => source)];
  for (const kept of keeps) await makeKept(folder.path, kept);
  const mounts = await mountsOf(run, options);
  const hosts = network === "hosts" ? [...(access.hosts ?? []), ...options.hosts] : [];
  const named = standIn ? [hostIn(standIn), ...hosts] : hosts;
  const reached = named.length === 0 ? undefined : { allows: allowedHosts(hosts), upstream: upstreamOf(env), standIn };
  const forStart: { close(): Promise<void> }[] = [];
  const forRun: { close(): Promise<unknown> }[] = standIn ? [standIn] : [];
  const started = async (): Promise<void> => {
    for (const each of forStart.splice(0)) await each.close();
  };
  const close = async (): Promise<void> => {
    await started();
    for (const each of forRun.splice(0)) await each.close();
  };
  try {
    // A task may have made something around its folder that cannot be opened. The run does not fail by it.
    const around = await aroundOf(run, mounts).catch((err: unknown) => {
      log.warn({ err, run: run.run }, "a run sees nothing around its working folder: it could not be opened");
      return undefined;
    });
    if (around) forStart.push(around);
    if (around?.tooMany)
      log.info(
        { run: run.run },
        "a run does not see the repository around its working folder: it has too many entries",
      );
    const descriptors = around?.shown.flatMap((each) => (each.how === "link" ? [] : [each.fd])) ?? [];
    mounts.push(...(around?.shown ?? []).map((each) => aroundMount(each, descriptors)));
    // Each run reads it from its beginning, so each needs an open file of its own.
    const filter = await executorFiles.open(filterFile(options.folder));
    forStart.push(filter);
    const proxy =
      reached &&
      (await openHostProxy({
        path: join(folder.tmp, SOCKET_NAME),
        ...reached,
        onRefused: (host) => log.info({ run: run.run, host }, "a run may not reach this host"),
      }));
    if (proxy) {
      forRun.push(proxy);
      mounts.push({ path: SOCKET, how: "read", source: join(folder.tmp, SOCKET_NAME) });
    }
    const line = [
      bwrap,
      ...fixed,
      ...mountArguments(mounts, bytes),
      ...["--seccomp", String(FILTER), "--remount-ro", "/", "--chdir", folder.work, "--"],
      ...(proxy && options.socat ? withProxy(options.socat, SOCKET) : []),
    ];
    return {
      line,
      descriptors: [filter.fd, ...(workingFolder ? [workingFolder.fd, ...descriptors] : [])],
      env: { ...around?.env, ...(proxy ? proxyEnvironment(env, named) : env) },
      started,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const hostIn = ({ host: { name, port } }: StandIn): string =>
  name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;

/** Shows nothing where the run sees something else. */
async function aroundOf(
  { folder, workingFolder, workingRoot, access }: RunToConfine,
  mounts: readonly Mount[],
): Promise<Around | undefined> {
  if (workingFolder === undefined || workingRoot === undefined) return undefined;
  const paths = [...mounts.map(({ path }) => path), ...(await Promise.all((access.empties ?? []).map(realOf)))];
  const taken = (path: string) =>
    isOfSandbox(path) || paths.some((other) => isWithin(other, path) || isWithin(path, other));
  return await openAround(workingRoot, { path: folder.work, open: workingFolder }, taken);
}

const aroundMount = (shown: Shown, descriptors: readonly number[]): Mount =>
  shown.how === "link"
    ? { path: shown.path, how: "link", source: shown.target }
    : { path: shown.path, how: shown.how, source: AROUND + descriptors.indexOf(shown.fd) };

const realOf = (path: string): Promise<string> => operatorFiles.realpath(path).catch(() => path);

const filterFile = (folder: string): string => join(folder, "system-calls");

/** Makes a folder that outlives the processes of the run: in the run's folder, or where the operator named it. */
async function makeKept(folder: string, kept: string): Promise<void> {
  if (isWithin(kept, folder)) await makeFolderBelow(folder, relative(folder, kept));
  else await operatorFiles.mkdir(kept, { recursive: true, mode: 0o700 });
}

/** All but the mounts of one run. */
async function fixedArguments({ network, bytes, folder }: BubblewrapOptions): Promise<readonly string[]> {
  await executorFiles.mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, gid, username } = thisUser();
  const [passwd, group] = [join(folder, "passwd"), join(folder, "group")];
  // The run has the same user, so nobody else has to read them.
  const owners = { mode: 0o600 };
  await executorFiles.writeFile(filterFile(folder), systemCallFilter(process.arch, uid), owners);
  await executorFiles.writeFile(passwd, `${username}:x:${uid}:${gid}::/tmp:/bin/sh\n`, owners);
  await executorFiles.writeFile(group, `${username}:x:${gid}:\n`, owners);
  return [
    // If bubblewrap is killed, the kernel kills the first process of the run's pid namespace, and with it all others.
    ...["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...(network === "full" ? [] : ["--unshare-net"]),
    // Only root has capabilities to lose. `root` in a sandbox is then a user like others.
    ...["--cap-drop", "ALL", "--hostname", "sandbox"],
    ...systemArguments(),
    ...["--ro-bind", passwd, "/etc/passwd", "--ro-bind", group, "/etc/group"],
    ...procArguments(uid),
    ...["--dev", "/dev", "--size", String(bytes), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
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

/** A container may give the executor a uid that no file of the system knows. */
function thisUser(): Pick<UserInfo<string>, "uid" | "gid" | "username"> {
  try {
    return userInfo();
  } catch {
    return { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1, username: "run" };
  }
}

/** What one run sees in addition: its folders, its executable, and what its engine and the operator name. */
async function mountsOf(
  { folder, workingFolder, command, env, access }: RunToConfine,
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
    ...(await folderMounts(folder, workingFolder !== undefined)),
    ...[...writes, ...(access.writes ?? []), ...(access.keeps ?? [])]
      // The last of equal paths counts, and the working folder is mounted by its descriptor.
      .filter((each) => each !== folder.work)
      .map((each): Mount => ({ path: each, how: "write" })),
    ...(access.keepsAt ?? []).map((each): Mount => ({ ...each, how: "write" })),
    ...(access.readsAt ?? []).map((each): Mount => ({ ...each, how: "read" })),
  ];
}

const MOST_PREPARED = 1_000;

async function namesIn(folder: string): Promise<readonly string[]> {
  const names = await usingFolder(openFolder(folder), (opened) => opened.list(MOST_PREPARED));
  if (names === undefined) throw new Error("a folder of the run does not exist");
  return names;
}

/** The run's own folders, in memory. What its engine prepared there is read-only. */
async function folderMounts(folder: RunToConfine["folder"], keepsWork: boolean): Promise<readonly Mount[]> {
  const home = relative(folder.path, folder.home);
  const prepared = (await namesIn(folder.path)).filter((name) => name !== home && name !== "work");
  return [
    { path: folder.path, how: "memory" },
    { path: folder.tmp, how: "memory" },
    { path: folder.home, how: "folder" },
    keepsWork ? { path: folder.work, how: "write", source: FOLDER } : { path: folder.work, how: "folder" },
    ...inFolder(folder.path, prepared, "read"),
    ...inFolder(folder.home, await namesIn(folder.home), "read"),
  ];
}
