import { bindScript, oneOf, type RedisClient } from "@ccsp/redis-kit";

const lua = (name: string): URL => new URL(`../../lua/${name}.lua`, import.meta.url);

/** What a script answers when it is a list: a word first, then strings and lists. */
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

/** As read_log.lua has it. */
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

/** Keys of an engine's classes, in the order of the scripts' headers. */
const PLACES = [
  ...(["urgentLines", "highLines", "normalLines", "lowLines"] as const),
  ...(["urgentHeads", "highHeads", "normalHeads", "lowHeads"] as const),
  ...(["urgentTurns", "highTurns", "normalTurns", "lowTurns"] as const),
] as const;

const anything = (): void => undefined;

/** Every script of the queue, bound to one client. */
export function bindScripts(redis: RedisClient) {
  return {
    enqueue: bindScript(
      redis,
      lua("enqueue_tasks"),
      [
        ...(["tasks", "prompts", "owned", "load", "parked", "alarms", "pinned", "events", "rota"] as const),
        ...PLACES,
        "gates",
        "...requests",
      ],
      words,
    ),
    sync: bindScript(
      redis,
      lua("sync_executor"),
      ["executor", "executors", "tasks", "leases", "running", "meta", "gates"],
      list,
    ),
    claim: bindScript(
      redis,
      lua("claim_tasks"),
      [
        ...(["executor", "tasks", "prompts", "leases", "alarms", "pinned", "blocked", "meta"] as const),
        ...(["running", "load", "bench", "gates", "rates", "rota"] as const),
        ...PLACES,
        "refills",
      ],
      list,
    ),
    report: bindScript(redis, lua("report_runs"), ["tasks", "events", "...logs"], words),
    move: bindScript(
      redis,
      lua("move_tasks"),
      [
        ...(["tasks", "results", "leases", "parked", "alarms", "pinned", "ended", "running"] as const),
        ...(["load", "meta", "blocked", "bench", "rates", "events", "rota"] as const),
        ...PLACES,
        "...logs",
      ],
      words,
    ),
    remove: bindScript(
      redis,
      lua("remove_tasks"),
      ["tasks", "prompts", "results", "ended", "owned", "load", "...belongings"],
      anything,
    ),
    closeGate: bindScript(redis, lua("close_gate"), ["gates", "events"], String),
    raiseEmergency: bindScript(redis, lua("raise_emergency"), ["gates", "events"], String),
    openGate: bindScript(redis, lua("open_gate"), ["gates", "events"], oneOf("ok", "open")),
    openDueGates: bindScript(redis, lua("open_due_gates"), ["gates"], anything),
    adaptBound: bindScript(redis, lua("adapt_bound"), ["gates", "running"], anything),
    liftBench: bindScript(redis, lua("lift_bench"), ["bench"], anything),
    liftRefilled: bindScript(redis, lua("lift_refilled"), ["bench", "refills"], anything),
    readDue: bindScript(redis, lua("read_due"), ["leases", "parked", "alarms", "gates", "refills"], words),
    readPlaces: bindScript(redis, lua("read_places"), ["load", "parked", "pinned", "blocked", "...lines"], words),
    mendRunning: bindScript(redis, lua("mend_running"), ["running", "tasks", "leases", "meta"], anything),
    noticeOutage: bindScript(redis, lua("notice_outage"), ["meta", "leases", "executors"], anything),
    putChunk: bindScript(redis, lua("put_chunk"), ["result"], anything),
    keepReceipt: bindScript(redis, lua("keep_receipt"), ["receipts"], anything),
    keepConfirmation: bindScript(redis, lua("keep_confirmation"), ["confirmation"], anything),
    readLog: bindScript(redis, lua("read_log"), ["tasks", "results", "log"], logReply),
    readClock: bindScript(redis, lua("read_clock"), ["tasks"], Number),
  };
}

export type Scripts = ReturnType<typeof bindScripts>;
