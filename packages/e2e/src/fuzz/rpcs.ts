import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFileRegistry, type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { SERVICES, type ServiceName } from "@ccsp/fleet";
import { allRpcs } from "@ccsp/protos/access.js";
import { serviceOf } from "../rpcs.js";

/** An RPC of CCSP with the form of its messages. */
export interface FuzzedRpc {
  readonly path: string;
  /** The service that serves it. */
  readonly service: ServiceName;
  /** The service whose certificate may call it. Undefined for an RPC of the gateway, whose callers have tokens. */
  readonly caller: ServiceName | undefined;
  readonly method: DescMethod;
}

/** Every RPC of every service, from the descriptors: so a new RPC is fuzzed too. */
export function fuzzedRpcs(): readonly FuzzedRpc[] {
  const file = fileURLToPath(import.meta.resolve("@ccsp/protos/descriptor.binpb"));
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
  return [...allRpcs().values()].map(({ path, access }) => {
    const [, typeName = "", name = ""] = path.split("/");
    const method = registry.getService(typeName)?.methods.find((candidate) => candidate.name === name);
    if (method === undefined) throw new Error(`the descriptors have no ${path}`);
    return { path, service: serviceOf(path), caller: SERVICES.find((name) => access?.callers.includes(name)), method };
  });
}
