import type { Settings } from "@ccsp/config";
import { HOST } from "./allowed-hosts.js";

export type SandboxMode = "auto" | "required" | "off";
export type SandboxNetwork = "hosts" | "none" | "full";

export interface SandboxConfig {
  readonly mode: SandboxMode;
  readonly network: SandboxNetwork;
  /** Hosts that every run may reach, as `name:port`, in addition to those of its engine. */
  readonly hosts: readonly string[];
  /** More paths that every run may read. */
  readonly reads: readonly string[];
  /** Paths that every run may read and write. */
  readonly writes: readonly string[];
  /** Most bytes of each folder in memory. */
  readonly bytes: number;
  /** bubblewrap and socat: a path, or a name to look for. */
  readonly bwrap: string;
  readonly socat: string;
}

/** Settings of the sandbox of each run. */
export function defineSandbox(settings: Settings): SandboxConfig {
  const mode = settings.oneOf(
    "CCSP_EXECUTOR_SANDBOX",
    "whether each run gets a sandbox of its own; auto: if this host can; required: the executor does not start without",
    ["auto", "required", "off"],
    { default: "auto" },
  );
  const network = settings.oneOf(
    "CCSP_EXECUTOR_SANDBOX_NETWORK",
    "what a run in a sandbox reaches; hosts: its engine's provider and CCSP_EXECUTOR_SANDBOX_HOSTS; none: nothing; full: all that this host reaches, this host's own ports too",
    ["hosts", "none", "full"],
    { default: "hosts" },
  );
  const hosts = settings.list(
    "CCSP_EXECUTOR_SANDBOX_HOSTS",
    "hosts that every run may reach, such as packages.example.com or *.example.com:8443; without a port: 443",
    { default: [], pattern: HOST, form: "hosts, each with a port or without, with commas between them" },
  );
  if (hosts.length > 0 && network !== "hosts") {
    settings.warn(`CCSP_EXECUTOR_SANDBOX_HOSTS has no effect: CCSP_EXECUTOR_SANDBOX_NETWORK is ${network}`);
  }
  return {
    mode,
    network,
    hosts,
    reads: settings.list(
      "CCSP_EXECUTOR_SANDBOX_READ",
      "absolute paths that every run may read, besides the system's programs: the folder of a tool in /opt, say",
      { default: [], pattern: /^\/./, form: "absolute paths, with commas between them" },
    ),
    writes: settings.list(
      "CCSP_EXECUTOR_SANDBOX_WRITE",
      "absolute paths that every run may read and write, such as the folder of a command's own login; all runs share them",
      { default: [], pattern: /^\/./, form: "absolute paths, with commas between them" },
    ),
    bytes: settings.integer(
      "CCSP_EXECUTOR_SANDBOX_BYTES",
      "most bytes that a run may write into its folder, and into /tmp; they are in memory",
      { default: 1024 ** 3, min: 1024 ** 2 },
    ),
    bwrap: settings.text(
      "CCSP_EXECUTOR_BWRAP_BIN",
      "bubblewrap, for sandboxes: a path, or a name to look for on PATH",
      {
        default: "bwrap",
      },
    ),
    socat: settings.text(
      "CCSP_EXECUTOR_SOCAT_BIN",
      "socat, for sandboxes whose network is hosts: a path, or a name to look for on PATH",
      { default: "socat" },
    ),
  };
}
