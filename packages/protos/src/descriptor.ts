import { readFileSync } from "node:fs";
import {
  createFileRegistry,
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromBinary,
  ScalarType,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

let registry: FileRegistry | undefined;

/** The image that `buf build` wrote beside the generated code: a `FileDescriptorSet`. */
export const imageBytes = (): Uint8Array => readFileSync(new URL("../descriptor.binpb", import.meta.url));

/** Every proto of CCSP and what they import. The image is read at the first call. */
export function protos(): FileRegistry {
  registry ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, imageBytes()));
  return registry;
}

/** The message of this full name, such as `ccsp.task.v1.Task`. */
export function messageNamed(typeName: string): DescMessage {
  const message = protos().getMessage(typeName);
  if (message === undefined) throw new Error(`there is no message ${typeName}`);
  return message;
}

/** The enum of this full name, such as `ccsp.task.v1.TaskState`. */
export function enumNamed(typeName: string): DescEnum {
  const found = protos().getEnum(typeName);
  if (found === undefined) throw new Error(`there is no enum ${typeName}`);
  return found;
}

/** The extension of this full name, such as `ccsp.access.v1.access`. */
export function extensionNamed(typeName: string): DescExtension {
  const extension = protos().getExtension(typeName);
  if (extension === undefined) throw new Error(`there is no extension ${typeName}`);
  return extension;
}

/** Every service of CCSP, in the order of the files. */
export const services = (): DescService[] => [...protos().files].flatMap((file) => file.services);

/** The names of an enum without the prefix that the style of protos wants: `QUEUED` of `TASK_STATE_QUEUED`. */
export function enumNames({ values, sharedPrefix = "" }: DescEnum): ReadonlyMap<number, string> {
  return new Map(values.map(({ number, name }) => [number, name.slice(sharedPrefix.length)]));
}

/** The RPC of this path, such as `/ccsp.queue.v1.QueueService/Sync`. */
export function methodNamed(path: string): DescMethod {
  const [, service, name] = path.split("/");
  const method = protos()
    .getService(service ?? "")
    ?.methods.find((each) => each.name === name);
  if (method === undefined) throw new Error(`there is no RPC ${path}`);
  return method;
}

/** What a field of a message holds. `typeName` is the message of a `message`. */
export interface FieldKind {
  readonly kind: "map" | "list" | "message" | "bool" | "other";
  readonly typeName: string;
}

/** A field by its JSON name. Undefined if the message has none of this name. */
export function fieldNamed(typeName: string, jsonName: string): FieldKind | undefined {
  const field = messageNamed(typeName).fields.find((each) => each.jsonName === jsonName);
  if (field === undefined) return undefined;
  if (field.fieldKind === "map" || field.fieldKind === "list") return { kind: field.fieldKind, typeName: "" };
  if (field.message && !field.message.typeName.startsWith("google.protobuf."))
    return { kind: "message", typeName: field.message.typeName };
  return { kind: field.scalar === ScalarType.BOOL ? "bool" : "other", typeName: "" };
}

/** The comment before an RPC in its proto, in paragraphs. */
export function commentOf({ parent, name }: DescMethod): string {
  const { file } = parent;
  const path = [6, file.services.indexOf(parent), 2, parent.methods.findIndex((method) => method.name === name)];
  const found = file.proto.sourceCodeInfo?.location.find((location) => location.path.join() === path.join());
  return (found?.leadingComments ?? "").replaceAll(/^ /gm, "").trim();
}

/** The fields of a message. */
export const fieldsOf = (typeName: string): readonly DescField[] => messageNamed(typeName).fields;
