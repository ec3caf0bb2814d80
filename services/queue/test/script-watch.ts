import type { RedisServer } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { Redis } from "ioredis";

const WITHOUT_KEY = new Set(["publish", "time", "info"]);
const EVERY_ARGUMENT = new Set(["unlink", "del", "exists"]);

/**
 * Listens to every command of a single Redis, also those inside scripts. Collects the keys that a script used although
 * they were not passed to it. A Cluster does not find most of these, because they are on the same node.
 */
export async function watchScripts({ url }: Pick<RedisServer, "url">) {
  const redis = new Redis(url);
  const monitor = await redis.monitor();
  const undeclared = new Set<string>();
  let scripts = 0;
  let declared = new Set<string>();
  let marker = "";
  monitor.on("monitor", (_time: string, args: string[], source: string) => {
    const [command = "", ...rest] = args;
    const name = command.toLowerCase();
    if (source !== "lua") {
      if (name === "echo") marker = rest[0] ?? "";
      if (name !== "evalsha" && name !== "eval") return;
      declared = new Set(rest.slice(2, 2 + Number(rest[1])));
      scripts++;
      return;
    }
    const keys = WITHOUT_KEY.has(name) ? [] : EVERY_ARGUMENT.has(name) ? rest : rest.slice(0, 1);
    for (const key of keys) if (!declared.has(key)) undeclared.add(`${name} ${key}`);
  });
  return {
    /** Everything that the monitor has seen up to now. */
    async seen(): Promise<{ scripts: number; undeclared: string[] }> {
      const mark = String(Math.random());
      await redis.echo(mark);
      await eventually(() => {
        if (marker !== mark) throw new Error("the monitor is behind");
      });
      return { scripts, undeclared: [...undeclared] };
    },
    close() {
      monitor.disconnect();
      redis.disconnect();
    },
  };
}
