import { bindScript, oneOf, type RedisClient } from "@ccsp/redis-kit";

/** What a script answers when it is a list: a status word first, then strings and lists. */
export type Reply = readonly [word: string, ...rest: (Buffer | readonly Buffer[])[]];

function list(reply: unknown): Reply {
  if (!Array.isArray(reply) || !Buffer.isBuffer(reply[0])) throw new Error("script answered no list");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- replies of our scripts hold strings and lists of them
  const [word, ...rest] = reply as [Buffer, ...(Buffer | Buffer[])[]];
  return [word.toString(), ...rest];
}

function words(reply: unknown): string[] {
  if (!Array.isArray(reply)) throw new Error("script answered no list");
  return reply.map(String);
}

/** As the header of read_log.lua says. */
type LogReply = readonly [
  record: Buffer | null,
  result: Buffer | null,
  length: number,
  more: 0 | 1,
  ...entries: [Buffer, Buffer[]][],
];

function logReply(reply: unknown): LogReply {
  if (!Array.isArray(reply) || reply.length < 4) throw new Error("script answered no page of a log");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see the script's header
  return reply as unknown as LogReply;
}

function buffers(reply: unknown): (Buffer | null)[] {
  if (!Array.isArray(reply)) throw new Error("script answered no list");
  return reply.map((each: unknown) => (Buffer.isBuffer(each) ? each : null));
}

const anything = (): void => undefined;

const LINES = ["urgentLines", "highLines", "normalLines", "lowLines"] as const;
const HEADS = ["urgentHeads", "highHeads", "normalHeads", "lowHeads"] as const;
const TURNS = ["urgentTurns", "highTurns", "normalTurns", "lowTurns"] as const;
/** Keys of an engine and its classes, in the order of the scripts' headers. */
const OF_ENGINE = ["rota", ...LINES, ...HEADS, ...TURNS] as const;

const lua = (name: string): URL => new URL(`../../lua/${name}.lua`, import.meta.url);

/** Every script of the queue, bound to one client. */
export const bindScripts = (redis: RedisClient) => ({
  ...bindTaskScripts(redis),
  ...bindLeaseScripts(redis),
  ...bindGateScripts(redis),
  ...bindReads(redis),
});

export type Scripts = ReturnType<typeof bindScripts>;

const bindTaskScripts = (redis: RedisClient) => ({
  enqueue: bindScript(
    redis,
    lua("enqueue_tasks"),
    [
      "tasks",
      "prompts",
      "owned",
      "load",
      "parked",
      "alarms",
      "pinned",
      "events",
      ...OF_ENGINE,
      "gates",
      "holds",
      "...requests",
    ],
    words,
  ),
  move: bindScript(
    redis,
    lua("move_tasks"),
    [
      "tasks",
      "results",
      "leases",
      "parked",
      "alarms",
      "pinned",
      "ended",
      "running",
      "load",
      "meta",
      "blocked",
      "bench",
      "rates",
      "events",
      ...OF_ENGINE,
      "...logs",
    ],
    words,
  ),
  report: bindScript(redis, lua("report_runs"), ["tasks", "events", "...logs"], words),
  remove: bindScript(
    redis,
    lua("remove_tasks"),
    ["tasks", "prompts", "results", "ended", "owned", "load", "...belongings"],
    anything,
  ),
  putChunk: bindScript(redis, lua("put_chunk"), ["result"], anything),
  keepConfirmation: bindScript(redis, lua("keep_confirmation"), ["confirmation"], anything),
});

const bindLeaseScripts = (redis: RedisClient) => ({
  sync: bindScript(
    redis,
    lua("sync_executor"),
    ["executor", "executors", "tasks", "leases", "running", "meta", "gates", "holds"],
    list,
  ),
  claim: bindScript(
    redis,
    lua("claim_tasks"),
    [
      "executor",
      "tasks",
      "prompts",
      "leases",
      "alarms",
      "pinned",
      "blocked",
      "meta",
      "running",
      "load",
      "bench",
      "gates",
      "rates",
      ...OF_ENGINE,
      "refills",
      "holds",
    ],
    list,
  ),
  noteMinute: bindScript(redis, lua("note_minute"), ["minutes", "leases", "parked", "load"], anything),
  noticeOutage: bindScript(redis, lua("notice_outage"), ["meta", "leases", "executors"], anything),
});

const bindGateScripts = (redis: RedisClient) => ({
  closeGate: bindScript(redis, lua("close_gate"), ["gates", "events"], String),
  openGate: bindScript(redis, lua("open_gate"), ["gates", "events"], oneOf("ok", "open")),
  tellWindows: bindScript(redis, lua("tell_windows"), ["events"], anything),
  openDueGates: bindScript(redis, lua("open_due_gates"), ["gates"], anything),
  raiseEmergency: bindScript(redis, lua("raise_emergency"), ["gates", "events"], String),
  keepReceipt: bindScript(redis, lua("keep_receipt"), ["receipts"], anything),
  adaptBound: bindScript(redis, lua("adapt_bound"), ["gates", "running"], anything),
  unthrottle: bindScript(redis, lua("unthrottle_agents"), ["bench"], anything),
  unthrottleRefilled: bindScript(redis, lua("unthrottle_refilled"), ["bench", "refills"], anything),
  recountLeases: bindScript(redis, lua("recount_leases"), ["running", "tasks", "leases", "meta"], anything),
});

const bindReads = (redis: RedisClient) => ({
  readClock: bindScript(redis, lua("read_clock"), ["tasks"], Number),
  readDue: bindScript(redis, lua("read_due"), ["leases", "parked", "alarms", "gates", "holds", "refills"], words),
  readLog: bindScript(redis, lua("read_log"), ["tasks", "results", "log"], logReply),
  readNewest: bindScript(redis, lua("read_newest"), ["owned", "tasks"], buffers),
  readPromptStarts: bindScript(redis, lua("read_prompt_starts"), ["prompts"], buffers),
  readPlaces: bindScript(redis, lua("read_places"), ["load", "parked", "pinned", "blocked", "...lines"], words),
});
