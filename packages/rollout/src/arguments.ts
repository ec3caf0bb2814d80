import { accessSync, constants } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseHostPort } from "@ccsp/config";
import { SERVICES } from "@ccsp/fleet";
import type { ClusterOptions } from "./cluster.js";

/** Wrong usage: exit code 2. */
export class Usage extends Error {}

/** What a command line asks for. */
export interface Asked {
  /** A tag of images, or with `cluster` undefined the absolute path of a release. Undefined: only restart. */
  readonly release: string | undefined;
  /** Undefined: a fleet of this machine. */
  readonly cluster: ClusterOptions | undefined;
}

const TAG = /^\w[\w.-]{0,127}$/;

/**
 * Reads `restart [option…]` or `upgrade RELEASE [option…]`. Relative paths are seen from the working folder. Throws
 * Usage, which names the argument, before anything is started or changed.
 */
export function readArguments([command, ...args]: readonly string[], env: NodeJS.ProcessEnv): Asked {
  const { values, positionals } = parse(args);
  const [release, ...more] = positionals;
  if (more.length > 0 || (release !== undefined) !== (command === "upgrade")) {
    throw new Usage(command === "upgrade" ? "name one RELEASE" : `it takes only options, not ${positionals.join(" ")}`);
  }
  if (values.local) {
    const other = (["gateway", "ca-file", "runs"] as const).find((name) => values[name] !== undefined);
    if (other !== undefined) throw new Usage(`--${other} is for a cluster: leave it out with --local`);
    return { release: release === undefined ? undefined : builtRelease(resolve(release)), cluster: undefined };
  }
  if (release !== undefined && !TAG.test(release)) {
    throw new Usage(`RELEASE is the tag of an image, such as 0.3.0, not ${JSON.stringify(release)}`);
  }
  return { release, cluster: clusterOptions(values, env) };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        local: { type: "boolean" },
        runs: { type: "boolean" },
        gateway: { type: "string" },
        "ca-file": { type: "string" },
      },
    });
  } catch (error) {
    throw new Usage(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

interface Values {
  readonly runs?: boolean | undefined;
  readonly gateway?: string | undefined;
  readonly "ca-file"?: string | undefined;
}

function clusterOptions(values: Values, env: NodeJS.ProcessEnv): ClusterOptions {
  if (!env["KUBECONFIG"]) throw new Usage("set KUBECONFIG, or use --local");
  const gateway = values.gateway ?? env["CCSP_GATEWAY"];
  if (!gateway) throw new Usage("name the gateway with --gateway HOST:PORT (or CCSP_GATEWAY)");
  // CCSP_GATEWAY may be any gRPC target, such as dns:///gateway:3000.
  if (parseHostPort(gateway) === undefined && !gateway.includes(":///")) {
    throw new Usage(`--gateway is HOST:PORT, not ${JSON.stringify(gateway)}`);
  }
  const token = env["CCSP_TOKEN"];
  if (!token) throw new Usage("set CCSP_TOKEN to a token of an agent");
  const named = values["ca-file"] ?? (env["CCSP_CA_FILE"] || undefined);
  const caFile = named === undefined || named === "system" ? named : resolve(named);
  if (caFile !== undefined && caFile !== "system" && !isReadable(caFile)) {
    throw new Usage(`--ca-file cannot be read: ${caFile}`);
  }
  return { gateway, token, caFile, runsTasks: values.runs ?? false };
}

function builtRelease(folder: string): string {
  const missing = SERVICES.map((name) => join("services", name, "dist", "main.js")).find(
    (file) => !isReadable(join(folder, file)),
  );
  if (missing !== undefined) throw new Usage(`RELEASE ${folder} has no ${missing}: build it first (make build)`);
  return folder;
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
