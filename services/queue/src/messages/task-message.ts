import { createHash } from "node:crypto";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Priority, type Task as TaskMessage, TaskResult, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { traceIdOf } from "@ccsp/telemetry";
import type { NewTask } from "../domain/intake/intake-store.js";
import type { Task } from "../domain/task/task.js";
import type { FullTask } from "../domain/task/task-store.js";
import { toDuration } from "./duration.js";
import { toTaskError } from "./failure.js";
import { priorityOf, toState } from "./words.js";

/**
 * A spec as it is stored: the prompts and attachments apart from the rest, so that a list of tasks does not read them. Both parts
 * are TaskSpec messages; by the rules of protobuf their bytes joined are the whole.
 */
export type StoredSpec = Pick<NewTask, "spec" | "prompts" | "request">;

/**
 * The hash of a request is equal for equal payloads, in whatever order their labels came. Its `otherHash` is that of the payload which means the
 * same: without a priority, where it is NORMAL, and the other way round.
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

// Told apart by the hashes that are stored, so both are kept as they came.
const SAME_PRIORITY: ReadonlyMap<Priority, Priority> = new Map([
  [Priority.UNSPECIFIED, Priority.NORMAL],
  [Priority.NORMAL, Priority.UNSPECIFIED],
]);

function hashOf(rest: Uint8Array, prompts: Uint8Array): string {
  const whole = createHash("sha256").update(`${rest.byteLength}:`).update(rest).update(prompts).digest("base64url");
  return whole.slice(0, HASH_LENGTH);
}

type Writable<T> = { -readonly [F in keyof T]: T[F] };

// A writer keeps what it has allocated, and to allocate is most of what encoding costs: 2 of 3.5 µs, which each task pays twice; a task of a batch
// takes some 25 µs of this process (docs/benchmarks.md). What a large spec took is not kept.
const KEPT_BYTES = 64 * 1024;
let writer = new BinaryWriter();

function encodeSpec(spec: TaskSpec): Uint8Array {
  try {
    const bytes = TaskSpec.encode(spec, writer).finish();
    if (bytes.byteLength > KEPT_BYTES / 3) writer = new BinaryWriter();
    return bytes;
  } catch (error) {
    // It may hold half a spec.
    writer = new BinaryWriter();
    throw error;
  }
}

const NO_SPEC = TaskSpec.fromPartial({});
// 96 bits: it tells payloads of one request id apart, and is kept for a day for each task.
const HASH_LENGTH = 16;

/** Without `prompts`: what lists show. */
export function loadSpec(task: Task, prompts: Uint8Array | undefined): TaskSpec {
  const rest = Buffer.from(task.spec, "base64");
  return currentSpec(task, TaskSpec.decode(prompts === undefined ? rest : Buffer.concat([rest, prompts])));
}

/** The same for people who look at the task: of one that cannot be read, what its record says by itself. */
function readableSpec(task: Task, prompts: Uint8Array | undefined): TaskSpec {
  try {
    return loadSpec(task, prompts);
  } catch {
    return currentSpec(task, { ...NO_SPEC, engine: task.engine });
  }
}

/** The model that a stored spec asks for; empty when it names none, or when it cannot be read: a task must end even so. */
export function modelOf(spec: string): string {
  try {
    return TaskSpec.decode(Buffer.from(spec, "base64")).model;
  } catch {
    return "";
  }
}

/** The class can have been changed since. */
const currentSpec = (task: Task, spec: TaskSpec): TaskSpec => ({ ...spec, priority: priorityOf(task.class) });

/** `spec`: where it is at hand, so that it need not be decoded. */
export function toTaskMessage({ task, prompts, result, spec }: FullTask & { readonly spec?: TaskSpec }): TaskMessage {
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
  };
}

/** A stored result, with what the queue itself knows. */
export function loadResult(task: Task, bytes: Uint8Array): TaskResult {
  return {
    ...TaskResult.decode(bytes),
    queueWait: task.leased === undefined ? undefined : toDuration(task.leased - task.created),
    executorId: task.executor ?? "",
  };
}

const dateOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms));
