import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFileRegistry, type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { SERVICES, type ServiceName } from "@ccsp/fleet";
import { allRpcs } from "@ccsp/protos/access.js";

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
    const service = SERVICES.find((candidate) => typeName.startsWith(`ccsp.${candidate}.`));
    const method = registry.getService(typeName)?.methods.find((candidate) => candidate.name === name);
    if (service === undefined || method === undefined) throw new Error(`no service of the fleet has ${path}`);
    return { path, service, caller: SERVICES.find((name) => access?.callers.includes(name)), method };
  });
}
