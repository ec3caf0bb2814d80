import { type DescMethod, getExtension, hasExtension, isMessage, toBinary } from "@bufbuild/protobuf";
import { enumNamed, extensionNamed, services } from "./descriptor.js";
import { Access as AccessMessage, type Identity } from "./gen/ccsp/access/v1/access.js";

/** Who may make a call. proto/ccsp/access/v1/access.proto says what the fields mean. */
export interface Access {
  readonly callers: readonly string[];
  readonly scopes: readonly string[];
  readonly audited: boolean;
}

/** An RPC of CCSP. `path` is its name in a call, such as `/ccsp.queue.v1.QueueService/Sync`. */
export interface RpcAccess {
  readonly path: string;
  /** Undefined when the RPC declares nothing: nobody may call it. */
  readonly access: Access | undefined;
}

let rules: ReadonlyMap<string, RpcAccess> | undefined;

/** Who may make the call of this path. Undefined when no RPC has it, or when its RPC declares nothing. */
export const accessOf = (path: string): Access | undefined => allRpcs().get(path)?.access;

/** Every RPC of CCSP by its path, as the protos declare them. */
export function allRpcs(): ReadonlyMap<string, RpcAccess> {
  rules ??= new Map(
    services().flatMap(({ typeName, methods }) =>
      methods.map((method) => {
        const path = `/${typeName}/${method.name}`;
        return [path, { path, access: declared(method) }] as const;
      }),
    ),
  );
  return rules;
}

function declared({ proto: { options } }: DescMethod): Access | undefined {
  const extension = extensionNamed("ccsp.access.v1.access");
  if (options === undefined || !hasExtension(options, extension)) return undefined;
  const value: unknown = getExtension(options, extension);
  if (extension.message === undefined || !isMessage(value, extension.message)) return undefined;
  return AccessMessage.decode(toBinary(extension.message, value));
}

/** The name of a part of CCSP that acts by itself, such as `ccsp/session`. access.proto has the names. */
export function identityName(identity: Identity): string {
  const options = enumNamed("ccsp.access.v1.Identity").value[identity]?.proto.options;
  const extension = extensionNamed("ccsp.access.v1.identity_name");
  if (options === undefined || !hasExtension(options, extension)) throw new Error(`identity ${identity} has no name`);
  return String(getExtension(options, extension));
}
