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
      ["shared/clock", "shared/batch", "shared/due", "shared/events"].map(lua),
    ),
    sync: bindScript(
      redis,
      lua("sync_executor"),
      ["executor", "executors", "tasks", "leases", "running", "meta", "gates"],
      list,
      [
        "shared/clock",
        "shared/held",
        "shared/record",
        "shared/batch",
        "outage/ahead",
        "outage/run",
        "outage/notice",
      ].map(lua),
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
      [
        ...[
          "shared/clock",
          "shared/record",
          "shared/batch",
          "shared/due",
          "shared/tally",
          "shared/count_lease",
          "outage/run",
        ],
        ...["gates", "rates", "rules", "turns", "classes"].map((part) => `claim/${part}`),
      ].map(lua),
    ),
    report: bindScript(
      redis,
      lua("report_runs"),
      ["tasks", "events", "...logs"],
      words,
      ["shared/clock", "shared/held", "shared/events", "outage/ahead"].map(lua),
    ),
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
      [
        ...[
          "shared/clock",
          "shared/held",
          "shared/batch",
          "shared/tally",
          "shared/count_lease",
          "shared/due",
          "shared/events",
        ],
        ...["outage/ahead", "move/bench", "move/charge", "move/resume"],
      ].map(lua),
    ),
    remove: bindScript(
      redis,
      lua("remove_tasks"),
      ["tasks", "prompts", "results", "ended", "owned", "load", "...belongings"],
      anything,
      ["shared/tally", "shared/record"].map(lua),
    ),
    closeGate: bindScript(
      redis,
      lua("close_gate"),
      ["gates", "events"],
      String,
      ["shared/clock", "shared/due", "shared/events"].map(lua),
    ),
    raiseEmergency: bindScript(
      redis,
      lua("raise_emergency"),
      ["gates", "events"],
      String,
      ["shared/clock", "shared/events"].map(lua),
    ),
    openGate: bindScript(
      redis,
      lua("open_gate"),
      ["gates", "events"],
      oneOf("ok", "open"),
      ["shared/clock", "shared/events"].map(lua),
    ),
    openDueGates: bindScript(redis, lua("open_due_gates"), ["gates"], anything, [lua("shared/clock")]),
    adaptBound: bindScript(redis, lua("adapt_bound"), ["gates", "running"], anything, [lua("shared/clock")]),
    liftBench: bindScript(redis, lua("lift_bench"), ["bench"], anything, [lua("move/bench")]),
    liftRefilled: bindScript(
      redis,
      lua("lift_refilled"),
      ["bench", "refills"],
      anything,
      ["shared/clock", "move/bench"].map(lua),
    ),
    readDue: bindScript(redis, lua("read_due"), ["leases", "parked", "alarms", "gates", "refills"], words, [
      lua("shared/clock"),
    ]),
    readPlaces: bindScript(redis, lua("read_places"), ["load", "parked", "pinned", "blocked", "...lines"], words, [
      lua("shared/clock"),
    ]),
    mendRunning: bindScript(redis, lua("mend_running"), ["running", "tasks", "leases", "meta"], anything, [
      lua("shared/clock"),
      lua("shared/record"),
      lua("shared/count_lease"),
    ]),
    noticeOutage: bindScript(
      redis,
      lua("notice_outage"),
      ["meta", "leases", "executors"],
      anything,
      ["shared/clock", "outage/run", "outage/notice"].map(lua),
    ),
    putChunk: bindScript(redis, lua("put_chunk"), ["result"], anything),
    keepReceipt: bindScript(redis, lua("keep_receipt"), ["receipts"], anything),
    keepConfirmation: bindScript(redis, lua("keep_confirmation"), ["confirmation"], anything),
    readLog: bindScript(redis, lua("read_log"), ["tasks", "results", "log"], logReply, [lua("shared/record")]),
    readClock: bindScript(redis, lua("read_clock"), ["tasks"], Number, [lua("shared/clock")]),
  };
}

export type Scripts = ReturnType<typeof bindScripts>;
