import { readFileSync } from "node:fs";
import { createFileRegistry, type DescEnum, type DescMessage, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

let registry: FileRegistry | undefined;

/** The message of this full name, such as `ccsp.task.v1.Task`. The descriptor is read at the first call. */
export function messageNamed(typeName: string): DescMessage {
  registry ??= createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(new URL("../descriptor.binpb", import.meta.url))),
  );
  const message = registry.getMessage(typeName);
  if (message === undefined) throw new Error(`there is no message ${typeName}`);
  return message;
}

/** The names of an enum without the prefix that the style of protos wants: `QUEUED` of `TASK_STATE_QUEUED`. */
export function enumNames({ values, sharedPrefix = "" }: DescEnum): ReadonlyMap<number, string> {
  return new Map(values.map(({ number, name }) => [number, name.slice(sharedPrefix.length)]));
}
