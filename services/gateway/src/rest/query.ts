import { type FieldViolation, invalidFields } from "@ccsp/errors";
import { type FieldKind, fieldNamed } from "@ccsp/protos/descriptor.js";

type JsonObject = Record<string, unknown>;

/**
 * The JSON of a message whose fields are in a query: `filter.agentId=ann&states=QUEUED&states=RUNNING`. A map has its
 * keys in the name: `filter.labels.team=web`, or `filter.labels[team]=web`. Values stay texts, except truth values: the
 * reader of the JSON takes numbers as texts too. Refuses with INVALID_FIELD what is not a field.
 */
export function queryJson(typeName: string, query: URLSearchParams): JsonObject {
  const json: JsonObject = {};
  const faults: FieldViolation[] = [];
  for (const [name, value] of query) {
    const description = add(json, typeName, name, value);
    if (description !== undefined) faults.push({ field: name.slice(0, 100), description });
    if (faults.length >= 20) break;
  }
  if (faults.length > 0) throw invalidFields(faults);
  return json;
}

/** Adds one parameter. Returns what is wrong with it. */
function add(json: JsonObject, typeName: string, name: string, value: string): string | undefined {
  const [, first = "", rest] = /^(\w+)(?:\.(.+)|\[.+\])?$/s.exec(name) ?? [];
  const bracketed = /^\w+\[(.+)\]$/s.exec(name)?.[1];
  const field = fieldNamed(typeName, first);
  if (!field) return "is not a parameter of this path";
  const under = rest ?? bracketed;
  if (field.kind === "map") return under === undefined ? "needs a key" : addOnce(child(json, first), under, value);
  if (field.kind === "message")
    return rest === undefined ? "needs a field" : add(child(json, first), field.typeName, rest, value);
  if (under !== undefined) return "is not a parameter of this path";
  if (field.kind === "list") {
    const list = json[first];
    if (Array.isArray(list)) list.push(value);
    else json[first] = [value];
    return undefined;
  }
  return addOnce(json, first, valueOf(field, value));
}

function addOnce(json: JsonObject, name: string, value: unknown): string | undefined {
  if (Object.hasOwn(json, name)) return "is there twice";
  own(json, name, value);
  return undefined;
}

/** Also for the name `__proto__`, which an assignment would not make a property. */
const own = (json: JsonObject, name: string, value: unknown) =>
  void Object.defineProperty(json, name, { value, configurable: true, enumerable: true, writable: true });

function child(json: JsonObject, name: string): JsonObject {
  const found = json[name];
  if (isObject(found)) return found;
  const made: JsonObject = {};
  own(json, name, made);
  return made;
}

const valueOf = ({ kind }: FieldKind, value: string): unknown =>
  kind === "bool" && (value === "true" || value === "false") ? value === "true" : value;

/** Sets a field by its path, such as `budget.name`. Returns false if the JSON has another value there. */
export function setField(json: JsonObject, path: string, value: unknown): boolean {
  const [first = "", ...rest] = path.split(".");
  const found = json[first];
  if (rest.length > 0) {
    if (found !== undefined && !isObject(found)) return true; // The reader of the JSON says what is wrong.
    const copy: JsonObject = { ...found };
    json[first] = copy;
    return setField(copy, rest.join("."), value);
  }
  if (found !== undefined && found !== "" && found !== value) return false;
  json[first] = value;
  return true;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
