import { dirname, join, sep } from "node:path";
import { systemFiles } from "@ccsp/engine-kit/own-files";

const { existsSync, lstatSync, readlinkSync, realpathSync } = systemFiles;

/** What a run sees at a path. `memory`: an empty folder with a size, which is gone with the run. */
export interface Mount {
  readonly path: string;
  readonly how: "read" | "write" | "memory" | "folder" | "link";
  /**
   * A path of the host, or a descriptor of bubblewrap's that is open for the file or folder. Undefined: the same path.
   * For a link, it is where the link leads.
   */
  readonly source?: string | number | undefined;
}

const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/** No secrets: folders such as /etc/ssl/private are missing. The users' names and groups are files of their own. */
const ETC = [
  "alternatives",
  "ca-certificates",
  "ca-certificates.conf",
  "crypto-policies",
  "host.conf",
  "hosts",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "mime.types",
  "nsswitch.conf",
  "pki/ca-trust",
  "pki/tls/cert.pem",
  "pki/tls/certs",
  "pki/tls/openssl.cnf",
  "protocols",
  "resolv.conf",
  "services",
  "ssl/cert.pem",
  "ssl/certs",
  "ssl/openssl.cnf",
  "timezone",
];

/** The arguments for the system's own programs and libraries, which a run reads. */
export const systemArguments = (): readonly string[] => [
  ...SYSTEM.flatMap((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return [];
    return found.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
  }),
  ...ETC.map((name) => `/etc/${name}`).flatMap((path) => ["--ro-bind-try", path, path]),
];

/**
 * Settings and devices of the whole machine. The kernel lets uid 0 write them, also without capabilities. bubblewrap
 * makes some of them read-only, but not `sys`: it looks at the folder, which is not writable, and not at the files.
 */
const MACHINE = [
  "acpi",
  "asound",
  "bus",
  "driver",
  "dynamic_debug",
  "fs",
  "irq",
  "mtrr",
  "scsi",
  "sys",
  "sysrq-trigger",
];

/**
 * The arguments for /proc: a run sees its own processes there, and changes nothing of the machine. Other users than root
 * cannot write there anyway. They get no mount over it: the kernel then lets no program in the sandbox mount a /proc of
 * its own, which the CLI's own sandbox does.
 */
export const procArguments = (uid: number): readonly string[] => [
  "--proc",
  "/proc",
  ...(uid === 0 ? MACHINE : []).map((name) => `/proc/${name}`).flatMap((path) => ["--ro-bind-try", path, path]),
];

/** What bubblewrap makes in every sandbox. Only `/tmp` may have something of the host in it. */
const MADE = [...SYSTEM, "/dev", "/etc", "/proc", "/run", "/var/tmp"];

/** Whether a mount at this path would hide something of the sandbox itself, or be in it. */
export const isOfSandbox = (path: string): boolean =>
  isWithin("/tmp", path) || MADE.some((made) => isWithin(made, path) || isWithin(path, made));

/** Whether every run sees the path anyway. */
const isSystem = (path: string): boolean => SYSTEM.some((folder) => isWithin(path, folder));

export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** The parents come first, because a mount hides what is at its path. The last of equal paths counts. */
export function mountArguments(mounts: readonly Mount[], bytes: number): readonly string[] {
  const last = new Map(mounts.map((mount) => [mount.path, mount]));
  return [...last.values()].toSorted((a, b) => depthOf(a) - depthOf(b)).flatMap((mount) => oneMount(mount, bytes));
}

const depthOf = ({ path }: Mount): number => path.split(sep).length;

function oneMount({ path, how, source = path }: Mount, bytes: number): readonly string[] {
  switch (how) {
    case "read":
      return bind("--ro-bind", source, path);
    case "write":
      return bind("--bind", source, path);
    case "memory":
      return ["--perms", "0700", "--size", String(bytes), "--tmpfs", path];
    case "link":
      return ["--symlink", String(source), path];
    case "folder":
    default:
      return ["--perms", "0700", "--dir", path];
  }
}

const bind = (option: string, source: string | number, path: string): readonly string[] => [
  typeof source === "number" ? `${option}-fd` : `${option}-try`,
  String(source),
  path,
];

/**
 * What a run must read so that it can execute `command`. A program in `node_modules` may need its neighbours, so the
 * run reads the outermost such folder. Any other program is a file: if it needs more, the operator adds it.
 */
export function executableMounts(command: string): readonly Mount[] {
  const real = existsSync(command) ? realpathSync(command) : command;
  const modules = real.indexOf(`${sep}node_modules${sep}`);
  const whole = modules === -1 ? real : real.slice(0, modules + `${sep}node_modules`.length);
  const mounts: Mount[] = [];
  if (!isSystem(whole)) mounts.push({ path: whole, how: "read" });
  if (!isSystem(command) && command !== real && !isWithin(command, whole)) {
    mounts.push({ path: command, how: "read", source: real });
  }
  return mounts;
}

/**
 * A program with its libraries: `lib` and `usr` beside its folder, as in `/opt/socat/bin/socat`. The folder around them
 * is not shown: for a program in `~/bin`, it is a home. Empty if the program is the system's.
 */
export function programMounts(program: string): readonly Mount[] {
  const real = realpathSync(program);
  if (isSystem(real)) return [];
  const around = dirname(dirname(real));
  const libraries = ["lib", "lib64", "usr"].map((name) => join(around, name)).filter((path) => !isSystem(path));
  return [real, ...libraries.filter((path) => existsSync(path))].map((path) => ({ path, how: "read" }));
}

/** Folders of PATH that are not of the system, such as that of Node. */
export const pathMounts = (path: string): readonly Mount[] =>
  path
    .split(":")
    .filter((folder) => folder.startsWith("/") && existsSync(folder))
    .flatMap((folder) => {
      const real = realpathSync(folder);
      if (isSystem(real)) return [];
      const mounts: Mount[] = [{ path: real, how: "read" }];
      if (real !== folder && !isSystem(folder)) mounts.push({ path: folder, how: "read", source: real });
      return mounts;
    });

/** Every entry of the run's folder that its engine prepared, with what the run may do there. */
export const inFolder = (folder: string, names: readonly string[], how: Mount["how"]): readonly Mount[] =>
  names.map((name) => ({ path: join(folder, name), how }));
