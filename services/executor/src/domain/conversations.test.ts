import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { NO_OPTIONS, type RunResult } from "@ccsp/engine-kit";
import { pino } from "pino";
import { createConversations, type KeptCopies } from "./conversations.js";
import type { Answer, HeldTurn, Lease, LeasedConversation, QueuePort } from "./queue.js";

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const leaseOf = (conversation: LeasedConversation | undefined): Lease => ({
  ...NO_OPTIONS,
  taskId: "t",
  fence: 7n,
  agentId: "a",
  engine: "e",
  prompt: "p",
  attachments: [],
  includeFiles: [],
  workingFolder: "",
  permissionMode: undefined,
  attempt: 1,
  traceparent: "",
  previousTraceparent: "",
  limits: { wallMs: undefined, outputBytes: undefined, turns: undefined, budgetUsd: undefined },
  conversation,
});
/** A lease whose task continues a conversation. The last turn's lease had this fence. */
const turnAt = (executorId: string, fence = 7n, differs: Partial<HeldTurn> = {}) =>
  leaseOf({ id: "c", fork: false, held: { engineId: "e-1", executorId, fence, fault: "", ...differs } });
const resultOf = (transcript: Uint8Array | undefined, conversationId = "e-1"): RunResult => ({
  text: "",
  usage: undefined,
  costUsd: undefined,
  conversationId,
  engineVersion: "",
  model: "",
  turns: 1,
  runMs: 1,
  transcript,
});

/** One executor, `here`. The test can inspect its disk and its queue. */
function setUp({
  saves = "ok",
  disk = true,
  broken = false,
}: {
  saves?: Answer;
  disk?: boolean;
  broken?: boolean;
} = {}) {
  const counted: bigint[] = [];
  const store: { here: Map<bigint, Uint8Array>; there?: Uint8Array } = { here: new Map() };
  const kept: KeptCopies = {
    find: async ({ fence }) => store.here.get(fence === 0n ? ([...store.here.keys()].at(-1) ?? 0n) : fence),
    async put({ fence }, put) {
      if (disk) store.here.set(fence, put);
      return disk;
    },
    counted: async ({ fence }) => void counted.push(fence),
  };
  const queue: Pick<QueuePort, "saveConversation" | "loadConversation"> = {
    async saveConversation(_lease, transcript) {
      if (saves === "ok") store.there = transcript;
      return saves;
    },
    loadConversation: async () => store.there ?? "refused",
  };
  const ask = async <T>(call: (signal: AbortSignal) => Promise<T>): Promise<T | "broken"> =>
    broken ? "broken" : call(new AbortController().signal);
  const conversations = createConversations({ executorId: "here", queue, kept, log: pino({ level: "silent" }) });
  const begin = async (lease: Lease) => {
    const turn = await conversations.begin(lease, ask);
    if (turn === undefined) return undefined;
    return "gone" in turn ? turn : turn.from && Buffer.from(turn.from.transcript).toString();
  };
  const keep = async (lease: Lease, result: RunResult) => {
    const { counted: _, ...turn } = await conversations.keep(lease, result, ask);
    return turn;
  };
  return { store, counted, begin, keep, conversations, ask };
}

const NO_TURN = { conversationId: "", transcriptFault: "" };
const KEPT = { conversationId: "e-1", transcriptFault: "" };
const FORGOTTEN = { gone: "it was forgotten, or its transcript no longer exists" };

describe("the conversations of an executor", () => {
  it("are absent for a task that asked for none, and new for a task that names none", async () => {
    const { begin, keep, store } = setUp();
    assert.equal(await begin(leaseOf(undefined)), undefined);
    assert.deepEqual(await keep(leaseOf(undefined), resultOf(bytes("x"))), NO_TURN);
    assert.deepEqual([store.here.size, store.there], [0, undefined]);
    assert.equal(await begin(leaseOf({ id: "", fork: false, held: undefined })), undefined);
  });

  it("come from its disk when it has exactly the turn that the queue names, else from the queue", async () => {
    const { begin, keep, store } = setUp();
    assert.deepEqual(await keep(turnAt("here"), resultOf(bytes("mine"))), KEPT);
    const mine = store.there;
    await keep({ ...turnAt("here"), fence: 8n }, resultOf(bytes("theirs")));
    assert.ok(mine);
    store.here = new Map([[7n, mine]]);
    assert.equal(await begin(turnAt("here", 7n)), "mine");
    assert.equal(await begin(turnAt("here", 8n)), "theirs", "an older turn is taken for the one that the queue names");
    store.here = new Map([[8n, bytes("no gzip")]]);
    assert.equal(await begin(turnAt("here", 8n)), "theirs", "a broken copy hides the queue's");
  });

  it("come from the queue when it does not name a turn, like the previous release, else from the executor that had them", async () => {
    const { begin, keep, store } = setUp();
    await keep(turnAt("here"), resultOf(bytes("old")));
    const old = store.there;
    await keep({ ...turnAt("here"), fence: 8n }, resultOf(bytes("newest")));
    assert.ok(old);
    store.here = new Map([[7n, old]]);
    assert.equal(await begin(turnAt("here", 0n)), "newest");
    delete store.there;
    assert.equal(await begin(turnAt("here", 0n)), "old");
    assert.deepEqual(await begin(turnAt("other", 0n)), FORGOTTEN);
  });

  it("are gone when they were forgotten, exist nowhere, or cannot be read", async () => {
    const { begin, store } = setUp();
    assert.deepEqual(await begin(leaseOf({ id: "c", fork: false, held: undefined })), { gone: "it was forgotten" });
    assert.deepEqual(await begin(turnAt("other")), FORGOTTEN);
    store.there = bytes("no gzip");
    assert.deepEqual(await begin(turnAt("other")), FORGOTTEN);
  });

  it("are kept only on its disk when they are too large for the queue, and other executors report this", async () => {
    const { begin, keep, store } = setUp();
    const large = new Uint8Array(randomBytes(9 * 1024 * 1024));
    const { conversationId, transcriptFault: fault } = await keep(turnAt("here"), resultOf(large));
    assert.equal(conversationId, "e-1");
    assert.match(fault, /^its transcript has 94\d{5} bytes compressed, and the queue keeps at most 8388608$/);
    assert.equal(store.there, undefined);
    const next = turnAt("here", 7n, { fault });
    const again = await begin(next);
    assert.equal(typeof again === "string" && again.length, Buffer.from(large).toString().length);
    store.here.clear();
    const gone = `this executor cannot continue from its newest turn: ${fault}`;
    assert.deepEqual(await begin(next), { gone: `${gone}; and its transcript is no longer on this disk` });
    assert.deepEqual(await begin(turnAt("other", 7n, { fault })), {
      gone: `${gone}; only other may have its transcript`,
    });
  });

  it("are kept on its disk when the queue fails to store them, and may be read at a later attempt when it fails to read them", async () => {
    const { keep, begin } = setUp({ broken: true });
    assert.deepEqual(await keep(turnAt("here"), resultOf(bytes("x"))), {
      conversationId: "e-1",
      transcriptFault: "the queue could not store its transcript",
    });
    assert.deepEqual(await begin(turnAt("other", 9n)), {
      gone: "the queue could not read its transcript",
      again: true,
    });
  });

  it("have no id and a reason when no executor can continue them, so no task continues from the turn before", async () => {
    const { keep, begin } = setUp({ disk: false, saves: "refused" });
    const huge = await keep(turnAt("here"), resultOf(new Uint8Array(65 * 1024 * 1024)));
    assert.deepEqual(huge, {
      conversationId: "",
      transcriptFault: "its transcript has 68157440 bytes, and at most 67108864 are kept",
    });
    const refused = await keep(turnAt("here"), resultOf(bytes("x")));
    assert.equal(refused.conversationId, "");
    assert.match(refused.transcriptFault, /bytes compressed/);
    assert.deepEqual(await setUp().keep(turnAt("here"), resultOf(undefined)), {
      conversationId: "",
      transcriptFault: "its engine left no transcript",
    });
    assert.deepEqual(await setUp({ disk: false }).keep(turnAt("here"), resultOf(bytes("x"))), KEPT);
    assert.deepEqual(await begin(turnAt("other", 7n, { engineId: "", fault: huge.transcriptFault })), {
      gone: `no executor can continue from its newest turn: ${huge.transcriptFault}`,
    });
  });

  it("are on its disk before the result is reported, and make older copies removable after that", async () => {
    const { store, counted, conversations, ask } = setUp();
    const turn = await conversations.keep(turnAt("here"), resultOf(bytes("x")), ask);
    assert.ok(store.here.has(7n));
    assert.deepEqual(counted, []);
    await turn.counted();
    assert.deepEqual(counted, [7n]);
  });
});
