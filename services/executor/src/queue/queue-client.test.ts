import assert from "node:assert/strict";
import type { EngineEvent, RunResult } from "@ccsp/engine-kit";
import { CallError } from "@ccsp/grpc-kit";
import type { ReportRequest } from "@ccsp/protos/ccsp/queue/v1/attempt.js";
import { SyncResponse } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { pino } from "pino";
import { QueueFault } from "../domain/queue.js";
import { createQueuePort, type QueueClient } from "./queue-client.js";

const lease = { taskId: "t", fence: 1n };
const result: RunResult = {
  text: "done",
  usage: undefined,
  costUsd: undefined,
  conversationId: "c",
  engineVersion: "1",
  model: "m",
  turns: 1,
  runMs: 1,
};
const signal = new AbortController().signal;

const NOTHING_MORE = { metadata: {}, fields: [], retryAfterMs: undefined, quota: [], preconditions: [] };
const unused = () => Promise.reject(new Error("unused"));
const portThat = (complete: QueueClient["complete"], sync: QueueClient["sync"] = unused) => {
  const client = {
    sync,
    report: unused,
    complete,
    fail: unused,
    release: unused,
    saveConversation: unused,
    loadConversation: unused,
  };
  return createQueuePort(client, pino({ level: "silent" }));
};

describe("the queue as the executor sees it", () => {
  it("refuses data that cannot be written as a message, since a retry would fail too", async () => {
    const port = portThat(async () => ({}));
    const usage = { inputTokens: 1.5, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 };
    assert.equal(await port.complete(lease, "e", { ...result, usage }, signal), "refused");
    assert.equal(await port.complete(lease, "e", result, signal), "ok");
  });

  it("sends a report again without the fields that a queue of 0.1.0 refuses, so its text is not lost", async () => {
    const sent: (string | undefined)[][] = [];
    const client = {
      sync: unused,
      complete: unused,
      fail: unused,
      release: unused,
      saveConversation: unused,
      loadConversation: unused,
      report: async ({ events = [] }: Partial<ReportRequest>) => {
        sent.push(events.map(({ event }) => event?.$case));
        if (events.some(({ event }) => event?.$case === "textTakenBack")) {
          throw new CallError(3, "unknown", { reason: "INVALID_FIELD", ...NOTHING_MORE });
        }
        return {};
      },
    };
    const port = createQueuePort(client, pino({ level: "silent" }));
    const events: EngineEvent[] = [
      { type: "taken-back", message: 1 },
      { type: "text", text: "again", message: 2 },
    ];
    assert.equal(await port.report(lease, { sequence: 1, started: undefined, events }, signal), "ok");
    assert.deepEqual(sent, [["textTakenBack", "textDelta"], ["textDelta"]]);
  });

  it("rejects when the outcome of the call is unknown, so the call is repeated", async () => {
    const away = new CallError(14, "away");
    await assert.rejects(portThat(() => Promise.reject(away)).complete(lease, "e", result, signal), away);
  });

  it("says that the queue failed, and is not away, when it answers INTERNAL", async () => {
    const fault = new CallError(13, "internal error", { reason: "INTERNAL", ...NOTHING_MORE });
    await assert.rejects(portThat(() => Promise.reject(fault)).complete(lease, "e", result, signal), QueueFault);
  });

  it("returns how long leases last, also for a queue of the previous release, which does not send it", async () => {
    const request = {
      executorId: "x",
      bootId: "b",
      sequence: 1,
      leases: [],
      engines: [],
      draining: false,
      address: "",
      maxWaitMs: 0,
      emergency: undefined,
      slotChanges: [],
      adaptsSlots: false,
      windows: [],
    };
    const nextSync = { seconds: 10n, nanos: 0 };
    const answered = async (part: Partial<SyncResponse>) => {
      const answer = SyncResponse.fromPartial({ nextSync, ...part });
      const said = await portThat(unused, async () => answer).sync(request, signal);
      return said !== "stale" && [said.leaseMs, said.timeMs];
    };
    assert.deepEqual(await answered({}), [30_000, undefined]);
    const time = new Date(1_760_000_000_000);
    assert.deepEqual(await answered({ leaseLength: { seconds: 45n, nanos: 0 }, time }), [45_000, time.getTime()]);
  });

  it("rejects when the call was cancelled", async () => {
    const gone = AbortSignal.abort();
    const call = () => Promise.reject(new Error("aborted"));
    await assert.rejects(portThat(call).complete(lease, "e", result, gone));
  });
});
