import type { DescMethod } from "@bufbuild/protobuf";
import { serviceOf } from "@ccsp/e2e-kit/rpcs.js";
import { SERVICES, type ServiceName } from "@ccsp/fleet";
import { accessOf } from "@ccsp/protos/access.js";
import { services } from "@ccsp/protos/descriptor.js";

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
export const fuzzedRpcs = (): readonly FuzzedRpc[] =>
  services().flatMap(({ typeName, methods }) =>
    methods.map((method) => {
      const path = `/${typeName}/${method.name}`;
      const caller = SERVICES.find((name) => accessOf(path)?.callers.includes(name));
      return { path, service: serviceOf(path), caller, method };
    }),
  );
