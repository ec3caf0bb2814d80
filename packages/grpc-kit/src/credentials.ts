import { createSecureContext, type SecureContextOptions } from "node:tls";
import { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";

/** How a process proves who it is, to those that call it and to those that it calls. Each service has one, and gives it to its server and its clients. */
export interface Credentials {
  readonly server: ServerCredentials;
  readonly channel: ChannelCredentials;
}

/** No proof and no encryption: for loopback, and for networks that add both. */
export const PLAIN: Credentials = {
  server: ServerCredentials.createInsecure(),
  channel: ChannelCredentials.createInsecure(),
};

/** Certificates and keys as PEM. */
export interface Tls {
  /** The authorities whose certificates are accepted. Without it a client accepts those of the system, and a server asks for no certificate. */
  readonly ca?: string | Buffer | undefined;
  /** The own certificate, with those between it and its authority; and its key. A server needs both. */
  readonly certificate?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
}

/** Of a server that speaks TLS 1.3 only. With `ca` it lets in only clients that have a certificate of one of these authorities. */
export function serverTls(tls: Tls): ServerCredentials {
  return new TlsServerCredentials(tls);
}

/** Of a client that speaks TLS 1.3 only. The server's certificate has to be for the host, or for the name in `consul:///name`. */
export function channelTls(tls: Tls): ChannelCredentials {
  return ChannelCredentials.createFromSecureContext(createSecureContext(contextOf(tls)));
}

/** A server that stops waits for connections that have only begun. Node's 120 s are longer than it waits for calls. */
const HANDSHAKE_MS = 10_000;

/** `ServerCredentials.createSsl` takes no TLS version. */
class TlsServerCredentials extends ServerCredentials {
  constructor(tls: Tls) {
    super({ requestCert: tls.ca !== undefined, handshakeTimeout: HANDSHAKE_MS }, contextOf(tls));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

const contextOf = ({ ca, certificate, key }: Tls): SecureContextOptions => ({
  minVersion: "TLSv1.3",
  ...(ca !== undefined && { ca }),
  ...(certificate !== undefined && { cert: certificate }),
  ...(key !== undefined && { key }),
});
