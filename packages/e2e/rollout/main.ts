// deploy/rolling-restart.sh and deploy/upgrade.sh, which have the help. The exit code is 0 if no call failed and, for an
// upgrade, if the new release runs; else 1, and 2 for wrong usage.
import { parseArgs } from "node:util";
import type { Installation } from "./installation.js";
import { restartAll, upgradeAll } from "./roll.js";

class Usage extends Error {}

async function main([command, ...args]: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      local: { type: "boolean", default: false },
      runs: { type: "boolean", default: false },
      gateway: { type: "string", default: process.env["CCSP_GATEWAY"] },
      "ca-file": { type: "string", default: process.env["CCSP_CA_FILE"] },
    },
  });
  const [release, ...more] = positionals;
  if (more.length > 0 || (release !== undefined) !== (command === "upgrade")) {
    throw new Usage(command === "upgrade" ? "name one release" : "it takes no arguments, only options");
  }
  const installation = await open(values);
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    if (release === undefined) return (await restartAll(installation, say)) === 0 ? 0 : 1;
    return (await upgradeAll(installation, release, say)) ? 0 : 1;
  } finally {
    await installation.close();
  }
}

interface Options {
  readonly local: boolean;
  readonly runs: boolean;
  readonly gateway?: string | undefined;
  readonly "ca-file"?: string | undefined;
}

async function open({ local, runs, gateway, "ca-file": caFile }: Options): Promise<Installation> {
  if (local) return (await import("./local.js")).openLocal();
  const token = process.env["CCSP_TOKEN"];
  if (!process.env["KUBECONFIG"]) throw new Usage("set KUBECONFIG, or use --local");
  if (!gateway || !token) throw new Usage("the load needs --gateway (or CCSP_GATEWAY) and CCSP_TOKEN");
  return (await import("./cluster.js")).openCluster({ gateway, token, caFile, runsTasks: runs });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { code = "" }: { code?: string } = Object(error);
  const isUsage = error instanceof Usage || code.startsWith("ERR_PARSE_ARGS");
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = isUsage ? 2 : 1;
}
