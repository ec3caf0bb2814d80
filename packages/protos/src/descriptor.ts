import { readFileSync } from "node:fs";
import {
  createFileRegistry,
  type DescEnum,
  type DescExtension,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

let registry: FileRegistry | undefined;

/** Every proto of CCSP. The descriptor is read at the first call. */
function protos(): FileRegistry {
  registry ??= createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(new URL("../descriptor.binpb", import.meta.url))),
  );
  return registry;
}

/** The message of this full name, such as `ccsp.task.v1.Task`. */
export function messageNamed(typeName: string): DescMessage {
  const message = protos().getMessage(typeName);
  if (message === undefined) throw new Error(`there is no message ${typeName}`);
  return message;
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
