import assert from "node:assert/strict";
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  ScalarType,
  toJson as toStandardJson,
} from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { messageNamed, methodNamed } from "./descriptor.js";
import { fromJson, fromStoredJson, JsonFault } from "./from-json.js";
import { AgentServiceService } from "./gen/ccsp/gateway/v1/agent_service.js";
import { OperatorServiceService } from "./gen/ccsp/gateway/v1/operator_service.js";
import { isLong, toJson, toStoredJson } from "./json.js";

const MESSAGES_EACH = 40;

/** A generator of Park and Miller: the test makes the same messages each time. */
function choices(seed: number) {
  let state = seed;
  const below = (limit: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
  return { below, chance: (percent: number) => below(100) < percent };
}

/** Milliseconds of times that every form of JSON has. */
const TIMES = [0, 1, 1_790_000_000_123];

/** Makes generated messages with any of their fields, and odd values in them. */
function randomMessages({ below, chance }: ReturnType<typeof choices>, times = TIMES) {
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] ?? assert.fail();

  function scalar(type: ScalarType): unknown {
    const unsigned = [ScalarType.UINT32, ScalarType.FIXED32, ScalarType.UINT64, ScalarType.FIXED64].includes(type);
    if (isLong(type)) return pick([0n, 1n, 2n ** 53n + 1n, ...(unsigned ? [2n ** 64n - 1n] : [-(2n ** 63n)])]);
    if (type === ScalarType.STRING) return pick(["", "text", "日本 🙂", '"\\\n', "__proto__", "null"]);
    if (type === ScalarType.BOOL) return chance(50);
    if (type === ScalarType.BYTES) return Buffer.from(pick([[], [0], [251, 255, 254], [1, 2, 3, 4]]));
    if (type === ScalarType.DOUBLE) return pick([0, 0.1, -1e300, Number.NaN, Number.POSITIVE_INFINITY, 7]);
    return pick([0, 1, 2 ** 31 - 1, ...(unsigned ? [] : [-(2 ** 31)])]);
  }
  const known = ({ values }: DescEnum): number => pick(values).number;

  function item(field: DescField, depth: number): unknown {
    if (field.enum) return known(field.enum);
    if (!field.message) return scalar(field.scalar ?? assert.fail());
    if (isWrapperDesc(field.message)) return scalar(field.message.fields[0]?.scalar ?? assert.fail());
    if (field.message.typeName === "google.protobuf.Timestamp") return new Date(pick(times));
    if (field.message.typeName === "google.protobuf.Duration")
      return pick([
        { seconds: 0n, nanos: 1 },
        { seconds: -3n, nanos: -500_000_000 },
        { seconds: 90n, nanos: 0 },
      ]);
    return message(field.message, depth + 1);
  }

  function present(field: DescField, depth: number): unknown {
    const places = Array.from({ length: below(3) });
    if (field.fieldKind === "list") return places.map(() => item(field, depth));
    if (field.fieldKind === "map")
      return Object.fromEntries(places.map((_, at) => [pick(["a", "b.c", "__proto__"]) + at, item(field, depth)]));
    return item(field, depth);
  }

  function message(type: DescMessage, depth = 0): object {
    const made: Record<string, unknown> = {};
    const empty = fromJson(type.typeName, {});
    for (const member of type.members) {
      made[member.localName] = Reflect.get(empty, member.localName);
      if (depth > 4 || chance(30)) continue;
      if (member.kind === "field") {
        made[member.localName] = present(member, depth);
      } else {
        const field = pick(member.fields);
        made[member.localName] = { $case: field.localName, value: item(field, depth) };
      }
    }
    return made;
  }
  return message;
}

describe("A message from JSON", () => {
  const rpcs = [...Object.values(AgentServiceService), ...Object.values(OperatorServiceService)];

  it("is, for each request of the gateway, what toJson or another library for proto3 wrote", () => {
    const random = choices(20_261_129);
    const message = randomMessages(random);
    for (const { path, requestSerialize, requestDeserialize } of rpcs) {
      const { input } = methodNamed(path);
      const encode: (value: never) => Buffer = requestSerialize;
      for (let times = 0; times < MESSAGES_EACH; times += 1) {
        const made = message(input);
        const text = JSON.stringify(toJson(input.typeName, made));
        assert.deepEqual(fromJson(input.typeName, JSON.parse(text)), made, text);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made for this type
        const bytes = encode(made as never);
        assert.deepEqual(requestDeserialize(bytes), made, text);
        const options = { useProtoFieldName: random.chance(50), enumAsInteger: random.chance(30) };
        const standard = toStandardJson(input, fromBinary(input, bytes), options);
        assert.deepEqual(
          fromJson(input.typeName, JSON.parse(JSON.stringify(standard))),
          made,
          JSON.stringify(standard),
        );
      }
    }
  });

  const faultsOf = (typeName: string, json: unknown): string[] => {
    try {
      fromJson(typeName, json);
      return [];
    } catch (error) {
      assert.ok(error instanceof JsonFault);
      return error.fields.map(({ field, description }) => `${field} ${description}`);
    }
  };
  const SUBMIT = "ccsp.gateway.v1.SubmitTasksRequest";

  it("is refused with the path of each field that is unknown or does not fit", () => {
    const tasks = [{}, { requestId: 7, spec: { promt: "", priority: "NONE", limits: { turns: 1.5, wallTime: "3" } } }];
    assert.deepEqual(faultsOf(SUBMIT, { tasks }), [
      "tasks[1].request_id is not a text",
      "tasks[1].spec.promt is not a field of TaskSpec",
      "tasks[1].spec.priority must be one of UNSPECIFIED, URGENT, HIGH, NORMAL, LOW",
      "tasks[1].spec.limits.turns is not a whole number from -2147483648 to 2147483647",
      "tasks[1].spec.limits.wall_time is not a duration, such as 3.5s",
    ]);
    assert.deepEqual(faultsOf(SUBMIT, []), ["the body is not a JSON object"]);
    assert.deepEqual(faultsOf(SUBMIT, { tasks: {} }), ["tasks is not a JSON list"]);
    const task = {
      spec: { prompt: "\ud800", startTime: "tomorrow", attachments: [{ content: "?" }] },
      request_id: "",
      requestId: "",
    };
    assert.deepEqual(faultsOf(SUBMIT, { tasks: [task] }), [
      "tasks[0].spec.prompt has half of a surrogate pair, so it is not a text",
      "tasks[0].spec.start_time is not a time of RFC 3339, such as 2026-01-31T12:00:00Z",
      "tasks[0].spec.attachments[0].content is not base64",
      "tasks[0].request_id is there twice",
    ]);
    const scope = { all: true, engine: "x" };
    assert.deepEqual(faultsOf("ccsp.queue.v1.PauseQueueRequest", { scope }), [
      "scope.engine cannot be there together with another of all, priority, engine, agent_id, label, account, emergency, model",
    ]);
  });

  it("is refused with a bounded list of faults, however many there are", () => {
    const json = JSON.parse(`{"tasks": [${'{"spec": 1},'.repeat(100_000)} {}], "${"x".repeat(10_000)}": 1}`);
    const faults = faultsOf(SUBMIT, json);
    assert.equal(faults.length, 20);
    assert.ok(faults.join().length < 2_000);
    assert.deepEqual(faultsOf(SUBMIT, JSON.parse('{"__proto__": {"tasks": []}}')), [
      "__proto__ is not a field of SubmitTasksRequest",
    ]);
  });

  it("has the defaults of fields that are null", () => {
    const { typeName } = messageNamed("ccsp.task.v1.TaskSpec");
    assert.deepEqual(fromJson(typeName, { prompt: null, labels: null, startTime: null }), fromJson(typeName, {}));
  });
});

describe("A message that is stored", () => {
  it("is read, for each kind of event and for a notification, as it was written, at any time that a Date has", () => {
    const around = ["-271821-04-20T00:00:00Z", "-000711-03-01T12:00:00.5Z", "+010000-01-01T00:00:00Z"];
    const message = randomMessages(choices(20_261_201), [...TIMES, ...around.map((time) => Date.parse(time)), 8.64e15]);
    const { fields } = messageNamed("ccsp.event.v1.Event");
    const kinds = fields.flatMap(({ oneof, message: kind }) => (oneof && kind ? [kind] : []));
    assert.equal(kinds.length, 21);
    for (const type of [...kinds, messageNamed("ccsp.notification.v1.Notification")]) {
      for (let times = 0; times < MESSAGES_EACH; times += 1) {
        const made = message(type);
        const text = JSON.stringify(toStoredJson(type.typeName, made));
        const told: string[] = [];
        const read = fromStoredJson(type.typeName, JSON.parse(text), (field, value) => told.push(`${field} ${value}`));
        assert.deepEqual([read, told], [made, []], text);
      }
    }
  });
});
