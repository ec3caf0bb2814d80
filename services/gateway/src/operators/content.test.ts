import assert from "node:assert/strict";
import { type DescField, type DescMessage, fromBinary, ScalarType, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { GetRunResponse } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { Task, TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { messageNamed } from "@ccsp/protos/descriptor.js";
import { eventWithoutContent, runWithoutContent, taskWithoutContent } from "./content.js";

const MARK = "marked";

/**
 * Every text and every bytes of these messages. A new one fails the test: add it to `shown` if it can never hold what
 * an agent wrote to a model or what a model wrote, else to `hidden`.
 */
const TASK = {
  shown: [
    "agent_id",
    "id",
    "trace_id",
    "spec.affinity.executor_id",
    "spec.allowed_tools",
    "spec.available_tools",
    "spec.conversation.id",
    "spec.denied_tools",
    "spec.engine",
    "spec.fallback_models",
    "spec.include_files",
    "spec.labels",
    "spec.model",
    "spec.working_folder",
    "error.message",
    "result.conversation_id",
    "result.engine",
    "result.engine_version",
    "result.executor_id",
    "result.model",
    "result.not_kept",
    "result.permission_denials.tool",
    "usage_so_far.model",
  ],
  hidden: [
    "prompt_snippet",
    "spec.attachments.content",
    "spec.attachments.name",
    "spec.prompt",
    "spec.system_prompt",
    "result.permission_denials.input",
    "result.text",
  ],
};
const EVENT = {
  shown: [
    "state_changed.reason",
    "state_changed.error.message",
    "tool_use.name",
    "engine_notice.message",
    "usage_so_far.model",
    ...TASK.shown.filter((path) => /^(result|error)\./.test(path)).map((path) => `task_ended.${path}`),
  ],
  hidden: [
    "text_delta.text",
    ...TASK.hidden.filter((path) => path.startsWith("result.")).map((path) => `task_ended.${path}`),
  ],
};
const RUN = { shown: ["run.engine", "run.task_id"], hidden: ["tail"] };

describe("an answer without content", () => {
  it("has of a task what can hold no content, and nothing else", () => {
    const type = messageNamed("ccsp.task.v1.Task");
    const through = (bytes: Uint8Array) => Task.encode(taskWithoutContent(Task.decode(bytes))).finish();
    compare(type, filled(type), through, TASK);
  });

  it("has of an entry of a log what can hold no content, for each kind of entry", () => {
    const type = messageNamed("ccsp.task.v1.TaskEvent");
    const through = (bytes: Uint8Array) => TaskEvent.encode(eventWithoutContent(TaskEvent.decode(bytes))).finish();
    const kinds = type.oneofs[0]?.fields ?? [];
    assert.ok(kinds.length > 0);
    for (const kind of kinds) {
      const within = (paths: string[]) => paths.filter((path) => path.startsWith(`${kind.name}.`));
      compare(type, filled(type, kind), through, { shown: within(EVENT.shown), hidden: within(EVENT.hidden) });
    }
  });

  it("keeps the kind and the place of an entry whose text it hides", () => {
    const event = { $case: "textDelta", value: { text: "secret", message: 2 } } as const;
    const whole: TaskEvent = { sequence: 7, time: undefined, attempt: 1, event };
    assert.deepEqual(eventWithoutContent(whole), { ...whole, event: { ...event, value: { text: "", message: 2 } } });
  });

  it("has of a run what can hold no content", () => {
    const type = messageNamed("ccsp.executor.v1.GetRunResponse");
    const through = (bytes: Uint8Array) =>
      GetRunResponse.encode(runWithoutContent(GetRunResponse.decode(bytes))).finish();
    compare(type, filled(type), through, RUN);
  });
});

function compare(
  type: DescMessage,
  whole: ReflectMessage,
  through: (bytes: Uint8Array) => Uint8Array,
  { shown, hidden }: { readonly shown: string[]; readonly hidden: string[] },
): void {
  const left = reflect(type, fromBinary(type, through(toBinary(type, whole.message))));
  assert.deepEqual(marked(whole).toSorted(), [...shown, ...hidden].toSorted(), "every text is in one of the lists");
  assert.deepEqual(marked(left).toSorted(), shown.toSorted());
}

const isText = ({ scalar }: DescField): boolean => scalar === ScalarType.STRING || scalar === ScalarType.BYTES;

const markOf = ({ scalar }: DescField) => (scalar === ScalarType.BYTES ? new TextEncoder().encode(MARK) : MARK);

/** A message with a mark in every text. `only`: of its oneof, only this field. */
function filled(type: DescMessage, only?: DescField): ReflectMessage {
  const message = reflect(type);
  for (const field of type.fields) {
    if (field.oneof && only && field !== only) continue;
    if (field.fieldKind === "message") message.set(field, filled(field.message));
    else if (field.fieldKind === "scalar" && isText(field)) message.set(field, markOf(field));
    else if (field.fieldKind === "map") message.get(field).set(MARK, MARK);
    else if (field.fieldKind === "list" && field.listKind === "message") message.get(field).add(filled(field.message));
    else if (field.fieldKind === "list" && isText(field)) message.get(field).add(MARK);
  }
  return message;
}

/** The paths of the marked texts. */
function marked(message: ReflectMessage): string[] {
  return message.fields.flatMap((field): string[] => {
    if (!message.isSet(field)) return [];
    const below = (paths: string[]) => paths.map((path) => `${field.name}.${path}`);
    if (field.fieldKind === "message") return below(marked(message.get(field)));
    if (field.fieldKind === "list" && field.listKind === "message")
      return below([...message.get(field)].flatMap((each) => marked(each as ReflectMessage)));
    const text = field.fieldKind === "map" || isText(field);
    return text ? [field.name] : [];
  });
}
