import { SERVICES, type ServiceName } from "@ccsp/fleet";

/** The service that serves the RPC of this path. */
export function serviceOf(path: string): ServiceName {
  const service = SERVICES.find((name) => path.startsWith(`/ccsp.${name}.`));
  if (service === undefined) throw new Error(`no service of the fleet has ${path}`);
  return service;
}

/** A message as its bytes. The client fills in defaults of a message, so the bytes are in a field. */
interface Raw {
  readonly bytes: Buffer;
}

/** An RPC to which a test sends bytes of its own. */
export const rawRpc = <S extends boolean>(path: string, responseStream: S) => ({
  path,
  requestStream: false as const,
  responseStream,
  requestSerialize: ({ bytes }: Raw) => bytes,
  requestDeserialize: (bytes: Buffer): Raw => ({ bytes }),
  responseSerialize: ({ bytes }: Raw) => bytes,
  responseDeserialize: (bytes: Buffer): Raw => ({ bytes }),
});
