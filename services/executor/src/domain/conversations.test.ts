import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { RunResult } from "@ccsp/engine-kit";
import { pino } from "pino";
import { createConversations, type KeptCopies } from "./conversations.js";
import type { Answer, Lease, LeasedConversation, QueuePort } from "./queue.js";

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const leaseOf = (conversation: LeasedConversation | undefined): Lease => ({
  ...{
    taskId: "t",
    fence: 7n,
    agentId: "a",
    engine: "e",
    prompt: "p",
    model: "",
    fallbackModels: [],
    systemPrompt: "",
  },
  ...{ attachments: [], includeFiles: [], workingFolder: "", availableTools: [], allowedTools: [], deniedTools: [] },
  ...{ permissionMode: undefined, attempt: 1, expiresAtMs: 0, traceparent: "", previousTraceparent: "" },
  limits: { wallMs: undefined, outputBytes: undefined, turns: undefined, budgetUsd: undefined },
  conversation,
});
const turnAt = (executorId: string, fork = false) => leaseOf({ id: "c", fork, held: { engineId: "e-1", executorId } });
const resultOf = (transcript: Uint8Array | undefined, conversationId = "e-1"): RunResult => ({
  ...{
    text: "",
    usage: undefined,
    costUsd: undefined,
    conversationId,
    engineVersion: "",
    model: "",
    turns: 1,
    runMs: 1,
  },
  transcript,
});

/** One executor, `here`, whose disk and queue the test looks into. */
function setUp({ saves = "ok", disk = true }: { saves?: Answer; disk?: boolean } = {}) {
  const told: string[] = [];
  const store: { here?: Uint8Array; there?: Uint8Array } = {};
  const kept: KeptCopies = {
    find: async () => store.here,
    async put(_copy, put) {
      if (disk) store.here = put;
      return disk;
    },
    confirm: async ({ fence }) => void told.push(`confirm ${fence}`),
    forget: async ({ fence }) => void told.push(`forget ${fence}`),
  };
  const queue: Pick<QueuePort, "saveConversation" | "loadConversation"> = {
    async saveConversation(_lease, transcript) {
      if (saves === "ok") store.there = transcript;
      return saves;
    },
    loadConversation: async () => store.there ?? "refused",
  };
  const ask = <T>(call: (signal: AbortSignal) => Promise<T>) => call(new AbortController().signal);
  const conversations = createConversations({ executorId: "here", queue, kept, log: pino({ level: "silent" }) });
  const begin = async (lease: Lease) => {
    const turn = await conversations.begin(lease, ask);
    return typeof turn === "object" ? turn.from && Buffer.from(turn.from.transcript).toString() : turn;
  };
  const keep = (lease: Lease, result: RunResult) => conversations.keep(lease, result, ask);
  return { store, told, begin, keep, conversations, ask };
}

describe("the conversations of an executor", () => {
  it("are none of a task that asked for none, and new for one that names none", async () => {
    const { begin, keep, store } = setUp();
    assert.equal(await begin(leaseOf(undefined)), undefined);
    assert.equal(await keep(leaseOf(undefined), resultOf(bytes("x"))), "");
    assert.deepEqual(store, {});
    assert.equal(await begin(leaseOf({ id: "", fork: false, held: undefined })), undefined);
  });

  it("come from its disk when it ran the newest turn itself, and else from the queue, whatever is on its disk", async () => {
    const { begin, keep, store } = setUp();
    assert.equal(await keep(turnAt("here"), resultOf(bytes("mine"))), "e-1");
    const mine = store.there;
    await keep(turnAt("here"), resultOf(bytes("theirs")));
    store.here = mine ?? bytes("");
    assert.equal(await begin(turnAt("here")), "mine");
    assert.equal(await begin(turnAt("other")), "theirs");
    delete store.here;
    assert.equal(await begin(turnAt("here")), "theirs");
    store.here = bytes("no gzip");
    assert.equal(await begin(turnAt("here")), "theirs", "a broken copy hides the queue's");
  });

  it("are gone when they were forgotten, are nowhere, or cannot be read", async () => {
    const { begin, store } = setUp();
    assert.equal(await begin(leaseOf({ id: "c", fork: false, held: undefined })), "gone");
    assert.equal(await begin(turnAt("other")), "gone");
    store.there = bytes("no gzip");
    assert.equal(await begin(turnAt("other")), "gone");
  });

  it("are kept on its disk alone when they are too large for the queue", async () => {
    const { begin, keep, store } = setUp();
    const large = new Uint8Array(randomBytes(9 * 1024 * 1024));
    assert.equal(await keep(turnAt("here"), resultOf(large)), "e-1");
    assert.equal(store.there, undefined);
    assert.equal((await begin(turnAt("here")))?.length, Buffer.from(large).toString().length);
  });

  it("have no id when nobody could go on with them", async () => {
    const { keep } = setUp({ disk: false, saves: "refused" });
    assert.equal(await keep(turnAt("here"), resultOf(bytes("x"))), "");
    assert.equal(await setUp().keep(turnAt("here"), resultOf(undefined)), "");
    assert.equal(await setUp({ disk: false }).keep(turnAt("here"), resultOf(bytes("x"))), "e-1");
  });

  it("count on its disk when the queue has the result, and are forgotten there when nobody knows", async () => {
    const { keep, conversations, told } = setUp();
    await keep(turnAt("here"), resultOf(bytes("x")));
    await conversations.settle(turnAt("here"), true);
    await conversations.settle(turnAt("here"), true);
    await keep(turnAt("here"), resultOf(bytes("x")));
    await conversations.settle(turnAt("here"), false);
    assert.deepEqual(told, ["confirm 7", "forget 7"]);
  });
});
