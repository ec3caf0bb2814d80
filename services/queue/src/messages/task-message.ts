import { createHash } from "node:crypto";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Lease } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import {
  Priority,
  type Task as TaskMessage,
  TaskResult,
  TaskSpec,
  UsageSoFar,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { traceIdOf } from "@ccsp/telemetry";
import type { NewTask } from "../domain/intake/intake-store.js";
import type { Grant } from "../domain/leases/lease-store.js";
import type { Task } from "../domain/task/task.js";
import type { FullTask } from "../domain/task/task-store.js";
import { toTaskError } from "./failure.js";
import { promptSnippet } from "./prompt-snippet.js";
import { priorityOf, toState } from "./words.js";

/**
 * A spec in its stored form. The prompts and attachments are apart from the rest, so a list of tasks does not read
 * them. Both parts are TaskSpec messages. By the rules of protobuf, their bytes joined are the whole spec.
 */
export type StoredSpec = Pick<NewTask, "spec" | "prompts" | "request">;

/**
 * Encodes a spec. `request` has the hash of the payload, which does not depend on the order of its labels. Its
 * `otherHash` is that of the other payload that means the same: no priority instead of NORMAL, or NORMAL instead of
 * none.
 */
export function storeSpec(spec: TaskSpec, requestId = ""): StoredSpec {
  const labels = Object.fromEntries(Object.entries(spec.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const { prompt, systemPrompt, attachments } = spec;
  const rest = encodeSpec({ ...spec, labels, prompt: "", systemPrompt: "", attachments: [] });
  const prompts = encodeSpec({ ...NO_SPEC, prompt, systemPrompt, attachments });
  const stored: Writable<StoredSpec> = {
    spec: Buffer.from(rest.buffer, rest.byteOffset, rest.byteLength).toString("base64"),
    prompts,
  };
  if (requestId === "") return stored;
  const same = SAME_PRIORITY.get(spec.priority);
  const other = { ...spec, labels, prompt: "", systemPrompt: "", attachments: [] };
  const otherHash = same === undefined ? undefined : () => hashOf(encodeSpec({ ...other, priority: same }), prompts);
  stored.request = { id: requestId, hash: hashOf(rest, prompts), otherHash };
  return stored;
}

// The stored hashes of these two differ, so each spec keeps the priority with which it came.
const SAME_PRIORITY: ReadonlyMap<Priority, Priority> = new Map([
  [Priority.UNSPECIFIED, Priority.NORMAL],
  [Priority.NORMAL, Priority.UNSPECIFIED],
]);

function hashOf(rest: Uint8Array, prompts: Uint8Array): string {
  const whole = createHash("sha256").update(`${rest.byteLength}:`).update(rest).update(prompts).digest("base64url");
  return whole.slice(0, HASH_LENGTH);
}

/** For a message or record that is filled field by field, because spreads cost too much here. */
export type Writable<T> = { -readonly [F in keyof T]: T[F] };

// The writer is kept, because it keeps the memory that it has allocated. Allocation is most of the cost of encoding: 2
// of 3.5 µs, which each task pays twice. A task of a batch takes some 25 µs of this process (docs/benchmarks.md). A
// writer that grew for a large spec is not kept.
const KEPT_BYTES = 64 * 1024;
let writer = new BinaryWriter();

function encodeSpec(spec: TaskSpec): Uint8Array {
  try {
    const bytes = TaskSpec.encode(spec, writer).finish();
    if (bytes.byteLength > KEPT_BYTES / 3) writer = new BinaryWriter();
    return bytes;
  } catch (error) {
    // The writer may hold half a spec.
    writer = new BinaryWriter();
    throw error;
  }
}

const NO_SPEC = TaskSpec.fromPartial({});
// 16 characters are 96 bits: enough to distinguish the payloads of one request id. The queue keeps the hash for a day
// for each task.
const HASH_LENGTH = 16;

/** Decodes a stored spec. Without `prompts`, it is the part that lists show. */
export function loadSpec(task: Task, prompts: Uint8Array | undefined): TaskSpec {
  const rest = Buffer.from(task.spec, "base64");
  return currentSpec(task, TaskSpec.decode(prompts === undefined ? rest : Buffer.concat([rest, prompts])));
}

/** A lease without what the application adds. Throws when the stored task cannot be decoded. */
export function toLease({ task, fence, prompts, expireMs }: Grant): Omit<Lease, "traceparent" | "conversation"> {
  return {
    taskId: task.id,
    fence: BigInt(fence),
    agentId: task.agent,
    spec: loadSpec(task, prompts),
    attempt: (task.attempt ?? 0) + 1,
    expireTime: new Date(expireMs),
    previousTraceparent: task.previous ?? "",
  };
}

/** The same for answers about a task. When the spec cannot be decoded, only what the task's record itself says. */
function readableSpec(task: Task, prompts: Uint8Array | undefined): TaskSpec {
  try {
    return loadSpec(task, prompts);
  } catch {
    return currentSpec(task, { ...NO_SPEC, engine: task.engine });
  }
}

/**
 * The model that a stored spec asks for. Empty when it names none, or when it cannot be decoded: the task must still
 * end.
 */
export function modelOf(spec: string): string {
  try {
    return TaskSpec.decode(Buffer.from(spec, "base64")).model;
  } catch {
    return "";
  }
}

/** The class comes from the record, because it may have been changed after acceptance. */
const currentSpec = (task: Task, spec: TaskSpec): TaskSpec => ({ ...spec, priority: priorityOf(task.class) });

/**
 * `spec`: the decoded spec, when the caller has it. Then it need not be decoded again. `promptStart`: the beginning of the
 * prompts, for a list of a caller that may read them.
 */
export function toTaskMessage({
  task,
  prompts,
  result,
  spec,
  promptStart,
}: FullTask & { readonly spec?: TaskSpec; readonly promptStart?: Uint8Array | undefined }): TaskMessage {
  return {
    id: task.id,
    agentId: task.agent,
    spec: spec ? currentSpec(task, spec) : readableSpec(task, prompts),
    state: toState(task.state),
    attempt: task.attempt ?? 0,
    createTime: new Date(task.created),
    startTime: dateOf(task.started),
    endTime: dateOf(task.ended),
    error: task.error === undefined || task.state === "SUCCEEDED" ? undefined : toTaskError(task.error),
    result: result === undefined ? undefined : loadResult(task, result),
    traceId: traceIdOf(task.trace ?? ""),
    readyTime: task.state === "PARKED" || task.state === "SCHEDULED" ? dateOf(task.ready) : undefined,
    promptSnippet: promptSnippet(promptStart),
    usageSoFar: task.state === "RUNNING" ? loadUsageSoFar(task.usageSoFar) : undefined,
  };
}

/** The form in which a task's record has it. */
export const storeUsageSoFar = (used: UsageSoFar): string =>
  Buffer.from(UsageSoFar.encode(used).finish()).toString("base64");

const loadUsageSoFar = (stored: string | undefined): UsageSoFar | undefined =>
  stored === undefined ? undefined : UsageSoFar.decode(Buffer.from(stored, "base64"));

/** A stored result, with the facts that the queue itself knows. */
export function loadResult(task: Task, bytes: Uint8Array): TaskResult {
  return {
    ...TaskResult.decode(bytes),
    queueWait: task.leased === undefined ? undefined : toDuration(task.leased - task.created),
    executorId: task.executor ?? "",
  };
}

const dateOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms));
