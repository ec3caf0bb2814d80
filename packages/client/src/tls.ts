import { readFileSync } from "node:fs";
import { channelTls, type Tls } from "@ccsp/grpc-kit/client.js";

/** Certificates and keys of a client, as PEM or as paths of PEM files. Files are read again for each new connection. */
export interface ClientTls extends Tls {
  /** File of the authorities that the client accepts, instead of `ca`. */
  readonly caFile?: string | undefined;
  /** File with the certificate of this agent, instead of `certificate`. */
  readonly certificateFile?: string | undefined;
  /** File with the private key of this agent, instead of `key`. */
  readonly keyFile?: string | undefined;
  /** The gateway's certificate must be for this name, instead of the target's host. */
  readonly serverName?: string | undefined;
}

/** Throws when a file cannot be read, and when a value is given twice. */
export function tlsCredentials({ caFile, certificateFile, keyFile, ...pem }: ClientTls): ReturnType<typeof channelTls> {
  return channelTls(() => ({
    ca: either("ca", pem.ca, caFile),
    certificate: either("certificate", pem.certificate, certificateFile),
    key: either("key", pem.key, keyFile),
  }));
}

function either(name: string, pem: string | Buffer | undefined, file: string | undefined): string | Buffer | undefined {
  if (file === undefined) return pem;
  if (pem !== undefined) throw new Error(`tls has both ${name} and ${name}File: give one of them`);
  try {
    return readFileSync(file);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`tls.${name}File cannot be read: ${why}`, { cause: error });
  }
}
