import { createSecureContext, type SecureContextOptions } from "node:tls";
import { CallCredentials, ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";

/**
 * How a process proves its identity to its callers and to the services that it calls. Each service has one set of
 * credentials for its server and its clients.
 */
export interface Credentials {
  readonly server: ServerCredentials;
  readonly channel: ChannelCredentials;
}

/** No proof and no encryption. Use it on loopback, and on networks that add both. */
export const PLAIN: Credentials = {
  server: ServerCredentials.createInsecure(),
  channel: ChannelCredentials.createInsecure(),
};

/** Certificates and keys as PEM. */
export interface Tls {
  /**
   * The certificate authorities that this process accepts. Without it, a client accepts the authorities of the system,
   * and a server asks for no client certificate.
   */
  readonly ca?: string | Buffer | undefined;
  /**
   * The certificate of this process, followed by the certificates between it and its authority. A server needs this and
   * `key`. A client needs both only if the server asks for a certificate.
   */
  readonly certificate?: string | Buffer | undefined;
  /** The private key that belongs to `certificate`. */
  readonly key?: string | Buffer | undefined;
}

/**
 * Credentials of a server that accepts TLS 1.3 only. With `ca`, it accepts only clients that have a certificate of one
 * of these authorities.
 */
export function serverTls(tls: Tls): ServerCredentials {
  return new TlsServerCredentials(tls);
}

/**
 * Credentials of a client that uses TLS 1.3 only. The server's certificate must be for the host, or for the name in
 * `consul:///name`.
 */
export function channelTls(tls: Tls): ChannelCredentials {
  return ChannelCredentials.createFromSecureContext(createSecureContext(contextOf(tls)));
}

/**
 * The same with certificates that may change: `load` is called now, and again for each new connection. When it throws,
 * that connection fails with its error.
 */
export function renewedTls(load: () => Tls): ChannelCredentials {
  load();
  return new RenewedTls(load);
}

/**
 * A class of its own, although grpc-js has credentials that watch files. They accept TLS 1.2, and a failed connection
 * does not say which file could not be read. They are experimental, and they read the files by a timer.
 */
class RenewedTls extends ChannelCredentials {
  readonly #load: () => Tls;

  constructor(load: () => Tls) {
    super();
    this.#load = load;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...args: Parameters<ChannelCredentials["_createSecureConnector"]>): SecureConnector {
    const connector = () => channelTls(this.#load())._createSecureConnector(...args);
    return {
      connect: async (socket) => connector().connect(socket),
      waitForReady: async () => {},
      getCallCredentials: () => args[2] ?? CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }
}

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/**
 * A server that stops also waits for connections whose handshake has only begun. Node's default of 120 s is longer than
 * the time that the server waits for calls.
 */
const HANDSHAKE_MS = 10_000;

/** A class of its own, because `ServerCredentials.createSsl` takes no TLS version. */
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
