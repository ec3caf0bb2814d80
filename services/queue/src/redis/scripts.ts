import { bindScript, oneOf, type RedisClient } from "@ccsp/redis-kit";
import { CLASSES } from "../domain/task.js";

const lua = (name: string): URL => new URL(`../../lua/${name}.lua`, import.meta.url);

/** What a script answers when it is a list: a word first, then strings and lists. */
export type Reply = readonly [word: string, ...rest: (Buffer | readonly Buffer[])[]];

function list(reply: unknown): Reply {
  if (!Array.isArray(reply) || !Buffer.isBuffer(reply[0])) throw new Error("script answered no list");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- replies of our scripts hold strings and lists of them
  const [word, ...rest] = reply as [Buffer, ...(Buffer | Buffer[])[]];
  return [word.toString(), ...rest];
}

const TURNS = ["urgentTurns", "highTurns", "normalTurns", "lowTurns"] as const;

const anything = (): void => undefined;

/** Every script of the queue, bound to one client. */
export function bindScripts(redis: RedisClient) {
  return {
    enqueue: bindScript(
      redis,
      lua("enqueue_task"),
      ["tasks", "prompts", "ready", "owned", "leases", "ended", "request", "events", "lines", "turns", "rota"],
      list,
    ),
    sync: bindScript(redis, lua("sync_executor"), ["executor", "executors", "tasks", "leases", "held"], list),
    claim: bindScript(
      redis,
      lua("claim_tasks"),
      ["executor", "tasks", "prompts", "leases", "held", "meta", "running", "rota", "lines", ...CLASSES, ...TURNS],
      list,
    ),
    report: bindScript(redis, lua("report_progress"), ["tasks", "log", "events"], oneOf("ok", "lost")),
    move: bindScript(
      redis,
      lua("move_task"),
      [
        "tasks",
        "results",
        "ready",
        "leases",
        "held",
        "parked",
        "ended",
        "running",
        "log",
        "events",
        "lines",
        "turns",
        "rota",
        "meta",
      ],
      oneOf("ok", "done", "lost", "moved", "early", "missing"),
    ),
    readClock: bindScript(redis, lua("read_clock"), ["tasks"], Number),
    remove: bindScript(redis, lua("remove_task"), ["tasks", "prompts", "results", "ended", "owned", "log"], anything),
  };
}

export type Scripts = ReturnType<typeof bindScripts>;
