import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:tls";
import type { HostPort } from "@ccsp/config";

const ANSWER_MS = 5_000;

export interface Handshake {
  /** Why a caller does not accept the certificate: its chain, its name or its time. Undefined: it does. */
  readonly fault: string | undefined;
  readonly until: Date;
}

/**
 * Looks at the certificate of a server as a caller does that trusts the authorities in `caFile`, or those of this
 * machine. Rejects if there is no TLS connection within 5 s.
 */
export async function handshake({ host, port }: HostPort, caFile: string | undefined): Promise<Handshake> {
  const ca = caFile === undefined ? undefined : await readFile(caFile);
  // The faults of the certificate are read below, so they must not end the connection.
  const socket = connect({ host, port, ALPNProtocols: ["h2"], rejectUnauthorized: false, ...(ca && { ca }) });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(ANSWER_MS) });
    const fault = socket.authorized ? undefined : String(socket.authorizationError);
    return { fault, until: new Date(socket.getPeerCertificate().valid_to) };
  } finally {
    socket.destroy();
  }
}
