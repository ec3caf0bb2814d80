import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { skip } from "./skip.js";

const UNPACKED = fileURLToPath(new URL("../../../.tools/redis/usr", import.meta.url));

/**
 * A PATH on which scripts find `redis-cli`: the one of the machine, or the one that `make setup` has unpacked beside its
 * redis-server. Without it, skips the test or hook whose `this` is `context`. `close` removes what it made.
 */
export async function pathWithRedisCli(
  context: Parameters<typeof skip>[0],
): Promise<{ readonly path: string; close(): Promise<void> }> {
  const path = process.env["PATH"] ?? "";
  if (path.split(delimiter).some((folder) => existsSync(join(folder, "redis-cli"))))
    return { path, close: async () => {} };
  const program = join(UNPACKED, "bin", "redis-cli");
  if (!existsSync(program)) skip(context, "the command redis-cli is not installed");
  const folder = await mkdtemp(join(tmpdir(), "ccsp-redis-cli-"));
  const libraries = (await readdir(join(UNPACKED, "lib"))).map((each) => join(UNPACKED, "lib", each)).join(":");
  const script = `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' exec '${program}' "$@"\n`;
  await writeFile(join(folder, "redis-cli"), script, { mode: 0o755 });
  return {
    path: `${folder}${delimiter}${path}`,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
