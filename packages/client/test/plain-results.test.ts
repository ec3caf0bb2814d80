import assert from "node:assert/strict";
import type { GrpcServer } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { TaskResult as ResultMessage, TaskSpec as SpecMessage } from "@ccsp/protos/ccsp/task/v1/task.js";
import { enumNames, messageNamed, methodNamed } from "@ccsp/protos/descriptor.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { fromJson } from "@ccsp/protos/from-json.js";
import { isLong } from "@ccsp/protos/json.js";
import * as fc from "fast-check";
import {
  type Blocker,
  type CcspClient,
  CcspError,
  createCcspClient,
  type RunEvent,
  type TaskEvent,
  TaskFailedError,
  type TaskInput,
} from "../src/index.js";
import { toSpec } from "../src/task-input.js";
import { fromTaskResult, toTaskResult } from "../src/task-result.js";
import { type TaskSpec, toTaskSpec } from "../src/task-spec.js";
import { serveAgent } from "./serve-agent.js";

type Message = ReturnType<typeof messageNamed>;
type Field = Message["fields"][number];

/** The types of scalars, as descriptor.proto numbers them. */
const [BOOL, STRING, BYTES] = [8, 9, 12];

/** For example a DoubleValue. The generated code has its value itself in its place. */
const isWrapped = ({ typeName }: Message): boolean => /^google\.protobuf\.[A-Za-z0-9]+Value$/.test(typeName);

/** Any value of a field that is set. No number is 0, which often means that it is not known. */
function anyValue(field: Field): fc.Arbitrary<unknown> {
  if (field.fieldKind === "list") return fc.array(anyItem(field), { minLength: 1, maxLength: 3 });
  // Copied, because fast-check makes objects without a prototype.
  if (field.fieldKind === "map") return fc.dictionary(WORD, anyItem(field), { minKeys: 1 }).map((map) => ({ ...map }));
  return anyItem(field);
}

function anyItem(field: Field): fc.Arbitrary<unknown> {
  const type = field.message;
  if (field.enum) return fc.constantFrom(...field.enum.values.map(({ number }) => number).filter((value) => value > 0));
  if (type === undefined) return anyScalar(field.scalar);
  if (isWrapped(type)) return anyScalar(Number(type.fields[0]?.scalar));
  if (type.typeName === "google.protobuf.Timestamp") return fc.nat().map((ms) => new Date(ms + 1));
  if (type.typeName === "google.protobuf.Duration")
    return fc.record({
      seconds: fc.bigInt(0n, 2n ** 33n),
      nanos: fc.integer({ min: 1, max: 999 }).map((ms) => ms * 1e6),
    });
  return anyMessage(type);
}

function anyScalar(scalar: number): fc.Arbitrary<unknown> {
  if (isLong(scalar)) return fc.bigInt(1n, BigInt(Number.MAX_SAFE_INTEGER));
  if (scalar === BOOL) return fc.constant(true);
  if (scalar === STRING) return WORD;
  if (scalar === BYTES) return fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes));
  return fc.integer({ min: 1, max: 2 ** 31 - 1 });
}

const WORD = fc.string({ minLength: 1 }).filter((word) => word !== "__proto__");

/** Messages in which every field is set. Of a oneof, it is one. */
const anyMessage = (type: Message): fc.Arbitrary<object> =>
  fc.record(
    Object.fromEntries(
      type.members.map((member) => [
        member.localName,
        member.kind === "field"
          ? anyValue(member)
          : fc.oneof(
              ...member.fields.map((field) =>
                fc.record({ $case: fc.constant(field.localName), value: anyItem(field) }),
              ),
            ),
      ]),
    ),
    { noNullPrototype: true },
  );

const anyNamed = (typeName: string) => anyMessage(messageNamed(typeName));

/** Asserts that a plain result says what its message says: each field, by its name, in words, numbers and milliseconds. */
function assertSays(plain: unknown, type: Message, message: unknown, path = type.name): void {
  for (const member of type.members) {
    const value: unknown = Reflect.get(Object(message), member.localName);
    assert.ok(member.kind === "field", `${path}.${member.localName} has a check of its own`);
    const isTime = member.message?.typeName === "google.protobuf.Duration";
    const name = `${member.localName}${isTime ? "Ms" : ""}`;
    assert.ok(Object.hasOwn(Object(plain), name), `${path} has no ${name}`);
    const said: unknown = Reflect.get(Object(plain), name);
    if (member.fieldKind !== "list") assertItem(said, member, value, `${path}.${name}`);
    else {
      assert.ok(Array.isArray(said) && Array.isArray(value), `${path}.${name}`);
      assert.equal(said.length, value.length);
      for (const [at, item] of said.entries()) assertItem(item, member, value[at], `${path}.${name}`);
    }
  }
}

function assertItem(plain: unknown, field: Field, value: unknown, path: string): void {
  const type = field.message;
  if (field.enum) {
    const name = enumNames(field.enum).get(Number(value)) ?? "";
    assert.ok([name, name.toLowerCase().replaceAll("_", "-")].includes(String(plain)), `${path} is ${String(plain)}`);
  } else if (type?.typeName === "google.protobuf.Duration") assert.equal(plain, durationMs(Object(value)), path);
  else if (!type || isWrapped(type) || type.typeName === "google.protobuf.Timestamp" || field.fieldKind === "map")
    assert.deepEqual(plain, typeof value === "bigint" ? Number(value) : value, path);
  else assertSays(plain, type, value, path);
}

/** What JSON makes of a value. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/**
 * What the JSON of a result has to be. Fails for each value that JSON loses or changes without a word, such as a Map,
 * an Error of another kind, a function and NaN.
 */
function shown(value: unknown, path = "result"): unknown {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    assert.ok(Number.isFinite(value), `${path} is ${value}`);
    return value;
  }
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return asJson(value);
  if (Array.isArray(value)) return value.map((each) => shown(each, `${path}[]`));
  assert.ok(typeof value === "object" && value !== null, `${path} is a ${typeof value}`);
  const isError = value instanceof CcspError || value instanceof TaskFailedError;
  if (!isError) assert.equal(Object.getPrototypeOf(value), Object.prototype, path);
  const fields = { ...value, ...(isError && { message: value.message }) };
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) =>
      field === undefined ? [] : [[name, shown(field, `${path}.${name}`)]],
    ),
  );
}

type Rpc = keyof typeof AgentServiceService;
/** What a fake gateway answers: for a stream, all its messages. */
type Answers = Readonly<Partial<Record<Rpc, object | readonly object[]>>>;

const response = (rpc: Rpc) => methodNamed(AgentServiceService[rpc].path).output;

/** The `event` of an entry of each kind. */
const KINDS = messageNamed("ccsp.task.v1.TaskEvent").oneofs[0]?.fields ?? [];

const all = async <T>(stream: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const each of stream) found.push(each);
  return found;
};

describe("results of the client", () => {
  let answers: Answers = {};
  let server: GrpcServer;
  let client: CcspClient;
  before(async () => {
    const handlers = Object.fromEntries(
      Object.entries(AgentServiceService).map(([rpc, { responseStream }]) => [
        rpc,
        responseStream
          ? async function* () {
              yield* Object(Reflect.get(answers, rpc));
            }
          : async () => Reflect.get(answers, rpc),
      ]),
    );
    server = await serveAgent(handlers);
    client = createCcspClient({ target: `127.0.0.1:${server.port}`, token: "a-token" });
  });
  after(async () => {
    client.close();
    await server.close();
  });

  /** The streams of a run have a test of their own, and a deletion has no result. */
  const methods: Readonly<Record<Exclude<Rpc, "runTask" | "watchTask" | "deleteSchedule">, () => Promise<unknown>>> = {
    submitTask: () => client.submit({ prompt: "a" }),
    submitTasks: () => client.submitMany([{ prompt: "a" }]),
    getTask: () => client.get("0-1"),
    cancelTask: () => client.cancel("0-1"),
    retryTask: () => client.retry("0-1"),
    explainTask: () => client.explain("0-1"),
    estimateTask: () => client.estimate({ prompt: "a" }),
    getTaskTrace: () => client.trace("0-1"),
    putSchedule: () => client.schedules.put({ name: "a", cron: "* * * * *", task: { prompt: "a" } }),
    listSchedules: () => client.schedules.list(),
    getMyUsage: () => client.usage(),
    getMyForecast: () => client.forecast(),
    getMyBudgets: () => client.budgets(),
    getCapabilities: () => client.capabilities(),
    listTasks: () => all(client.list()),
  };
  for (const [rpc, call] of Object.entries(methods)) {
    it(`go through JSON.stringify whole: ${rpc}`, async () => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the names of the table above
      const any = anyMessage(response(rpc as Rpc));
      await fc.assert(
        fc.asyncProperty(any, async (message) => {
          answers = { [rpc]: { ...message, nextPageToken: "" } };
          const result = await call();
          assert.deepEqual(asJson(result), shown(result));
          assert.doesNotMatch(JSON.stringify(result), /"\$case"/);
        }),
        { numRuns: 20 },
      );
    });
  }

  const anyTask = anyNamed("ccsp.task.v1.Task");
  const anyEntry = (kind: Field) => anyItem(kind).map((value) => ({ $case: kind.localName, value }));

  it("go through JSON.stringify whole: the events and the result of a run, and the entries of a log", async () => {
    const any = fc.tuple(anyTask, ...KINDS.map(anyEntry));
    await fc.assert(
      fc.asyncProperty(any, async ([task, ...kinds]) => {
        const entries = kinds.map((event, at) => ({ sequence: at + 1, attempt: 1, time: new Date(at), event }));
        // The end is the last entry.
        entries.push({ ...(entries.find(({ event }) => event.$case === "taskEnded") ?? assert.fail()), sequence: 99 });
        const events = entries.map((value) => ({ message: { $case: "event", value } }));
        answers = {
          runTask: [{ message: { $case: "task", value: task } }, ...events],
          watchTask: entries.map((event) => ({ event })),
        };
        const run = client.run({ prompt: "a" });
        const seen: RunEvent[] = await all(run);
        assert.ok(seen.length >= KINDS.length - 1);
        const log: TaskEvent[] = await all(client.watch("0-1"));
        assert.equal(log.length, entries.length);
        const end: unknown = await run.result().catch((error: unknown) => error);
        if (end instanceof TaskFailedError) assert.ok(end.error);
        for (const each of [...seen, ...log, end]) assert.deepEqual(asJson(each), shown(each));
      }),
      { numRuns: 20 },
    );
  });

  it("say what the message of a task says, field by field", async () => {
    await fc.assert(
      fc.asyncProperty(anyTask, async (task) => {
        answers = { getTask: { task } };
        assertSays(await client.get("0-1"), messageNamed("ccsp.task.v1.Task"), task);
      }),
    );
  });

  for (const rpc of ["explainTask", "estimateTask"] as const) {
    it(`say what the message says, field by field: ${rpc}`, async () => {
      await fc.assert(
        fc.asyncProperty(anyMessage(response(rpc)), async (message) => {
          answers = { [rpc]: message };
          assertSays(await methods[rpc](), response(rpc), message);
        }),
      );
    });
  }

  it("say what the message of a schedule says, field by field", async () => {
    await fc.assert(
      fc.asyncProperty(anyNamed("ccsp.task.v1.Schedule"), async (schedule) => {
        answers = { listSchedules: { schedules: [schedule] } };
        assertSays((await client.schedules.list())[0], messageNamed("ccsp.task.v1.Schedule"), schedule);
      }),
    );
  });

  for (const kind of KINDS) {
    it(`say what an entry of the log says, field by field: ${kind.localName}`, async () => {
      await fc.assert(
        fc.asyncProperty(anyEntry(kind), async (event) => {
          answers = { watchTask: [{ event: { sequence: 1, attempt: 2, time: new Date(3), event } }] };
          const [entry] = await all(client.watch("0-1"));
          assert.deepEqual([entry?.sequence, entry?.attempt, entry?.time], [1, 2, new Date(3)]);
          // A log never has an end in another state.
          if (kind.localName === "taskEnded") Object.assign(Object(event.value), { state: 8 });
          const type = kind.message ?? assert.fail();
          const said = kind.localName === "taskEnded" ? { ...entry, state: "FAILED" } : entry;
          assertSays(said, type, event.value);
        }),
      );
    });
  }

  it("lose nothing of a result on the way to plain words and back", () => {
    fc.assert(
      fc.property(anyNamed("ccsp.task.v1.TaskResult"), (made) => {
        const message = ResultMessage.fromPartial(made);
        assert.deepEqual(fromTaskResult(toTaskResult(message)), message);
        assert.deepEqual(asJson(toTaskResult(message)), toTaskResult(message), "a result has no Date");
      }),
    );
  });

  it("have a spec of a task that becomes the same message again", () => {
    fc.assert(
      fc.property(anyNamed("ccsp.task.v1.TaskSpec"), (made) => {
        const message = SpecMessage.fromPartial(made);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a task without an unknown word
        assert.deepEqual(toSpec(toTaskSpec(message) as TaskInput), message);
      }),
    );
  });

  it("have UNKNOWN for a value that is newer than the client, and no entry is lost", async () => {
    const newer = 999;
    answers = {
      getTask: { task: { ...Object(fromJson("ccsp.task.v1.Task", {})), state: newer } },
      explainTask: fromJson("ccsp.gateway.v1.ExplainTaskResponse", {}),
      watchTask: [{ event: { sequence: 1, attempt: 0, time: undefined, event: undefined } }],
    };
    Object.assign(Object(answers.explainTask), { blockers: [{ kind: newer, message: "m", until: undefined }] });
    assert.equal((await client.get("0-1")).state, "UNKNOWN");
    const blockers: readonly Blocker[] = (await client.explain("0-1")).blockers;
    assert.deepEqual(blockers, [{ kind: "UNKNOWN", message: "m", until: undefined }]);
    assert.deepEqual(await all(client.watch("0-1")), [{ sequence: 1, attempt: 0, time: undefined, type: "unknown" }]);
  });
});

/** The same type if it has only plain values. A bigint, an enum and a function become never. */
type Plain<T> = T extends number
  ? number extends T
    ? T
    : never
  : T extends string | boolean | undefined | Date | Uint8Array
    ? T
    : T extends bigint | ((...args: never) => unknown)
      ? never
      : { [K in keyof T]: Plain<T[K]> };
type Each<T> = T extends readonly (infer Item)[] ? Item : T;
type ResultOf<M> = M extends (...args: never) => AsyncIterable<infer Item>
  ? Item
  : M extends (...args: never) => Promise<infer R>
    ? Each<R>
    : never;
type Results = Exclude<
  ResultOf<CcspClient[keyof CcspClient]> | ResultOf<CcspClient["schedules"][keyof CcspClient["schedules"]]>,
  void | { readonly error: CcspError }
>;
/** Does not compile when a result of a method has a bigint or an enum. */
export const plainResult = (result: Results): Plain<Results> => result;
/** Does not compile when a field of a task is missing in what results say of it. */
export const wholeSpec = (spec: TaskSpec): Readonly<Record<keyof TaskInput, unknown>> => spec;
