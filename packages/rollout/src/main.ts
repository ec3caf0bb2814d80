// deploy/rolling-restart.sh and deploy/upgrade.sh, which have the help. The exit code is 0 if no call failed and, for an
// upgrade, if the new release runs; else 1, and 2 for wrong usage.
import { readArguments, Usage } from "./arguments.js";
import { restartAll, upgradeAll } from "./roll.js";

async function main(args: readonly string[]): Promise<number> {
  const { release, cluster } = readArguments(args, process.env);
  const installation = cluster
    ? (await import("./cluster.js")).openCluster(cluster)
    : await (await import("./local.js")).openLocal();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    if (release === undefined) return (await restartAll(installation, say)) === 0 ? 0 : 1;
    return (await upgradeAll(installation, release, say)) ? 0 : 1;
  } finally {
    await installation.close();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof Usage ? 2 : 1;
}
