import { constants } from "node:crypto";
import { isIP } from "node:net";
import { createSecureContext, type PeerCertificate, type SecureContextOptions } from "node:tls";
import { CallCredentials, ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import { notOfService } from "./peer-name.js";
import type { Tls } from "./tls.js";
import type { TlsFolder } from "./tls-folder.js";

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

/**
 * Credentials of a server that accepts TLS 1.3 only. With `ca`, it accepts only clients that have a certificate of one
 * of these authorities. With a folder, new connections get its newest certificates, and open connections go on.
 */
export function serverTls(tls: Tls | TlsFolder): ServerCredentials {
  if (!("onChange" in tls)) return new TlsServerCredentials(tls);
  const credentials = new TlsServerCredentials(tls.tls);
  tls.onChange((renewed) => credentials.renew(renewed));
  return credentials;
}

/** What a client wants to see in the certificate of its server, instead of the host's name. */
export interface ExpectedServer {
  /** The certificate must name this service of CCSP: `spiffe://ccsp/service/<service>`. */
  readonly service: string;
}

/**
 * Credentials of a client that uses TLS 1.3 only. With a function, certificates may change: it is called now, and again
 * for each new connection. When it throws, that connection fails with its error.
 *
 * The server's certificate must be for the host (for `consul:///name`, for the name). With `expected`, it must name
 * that service instead, and the host does not count.
 */
export function channelTls(tls: Tls | (() => Tls), expected?: ExpectedServer): ChannelCredentials {
  const load = typeof tls === "function" ? tls : () => tls;
  createSecureContext(contextOf(load()));
  return new TlsChannelCredentials(load, expected);
}

/**
 * A class of its own, although grpc-js has credentials that watch files. They accept TLS 1.2, and a failed connection
 * does not say which file could not be read. They are experimental, and they read the files by a timer.
 */
class TlsChannelCredentials extends ChannelCredentials {
  readonly #load: () => Tls;
  readonly #expected: ExpectedServer | undefined;

  constructor(load: () => Tls, expected: ExpectedServer | undefined) {
    super();
    this.#load = load;
    this.#expected = expected;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    target: ConnectorArguments[0],
    options: ConnectorArguments[1],
    callCredentials?: ConnectorArguments[2],
  ): SecureConnector {
    const expected = this.#expected;
    const asked = expected ? { ...options, "grpc.ssl_target_name_override": expected.service } : options;
    const verify = expected ? { checkServerIdentity: mustBe(expected) } : {};
    const connector = () =>
      withoutAddressAsName(
        ChannelCredentials.createFromSecureContext(
          createSecureContext(contextOf(this.#load())),
          verify,
        )._createSecureConnector(target, asked, callCredentials),
      );
    return {
      connect: async (socket) => connector().connect(socket),
      waitForReady: async () => {},
      getCallCredentials: () => callCredentials ?? CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }
}

type ConnectorArguments = Parameters<ChannelCredentials["_createSecureConnector"]>;
type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/**
 * grpc-js 1.14.7 also sends an address as the server's name. TLS allows only host names there, and Node prints the
 * deprecation DEP0123. Without a name, Node still checks that the certificate is for the address. The field is private,
 * and tls.test.ts fails if it has no effect.
 */
function withoutAddressAsName(connector: SecureConnector): SecureConnector {
  const options: { servername?: string } = Reflect.get(connector, "connectionOptions");
  if (isIP(options.servername ?? "") !== 0) options.servername = "";
  return connector;
}

const mustBe =
  ({ service }: ExpectedServer) =>
  (_host: string, { subjectaltname }: PeerCertificate): Error | undefined => {
    const fault = notOfService(service, subjectaltname);
    return fault === undefined ? undefined : new Error(`the server has ${fault}`);
  };

/** A class of its own, because `ServerCredentials.createSsl` takes no TLS version. */
class TlsServerCredentials extends ServerCredentials {
  constructor(tls: Tls) {
    super({ requestCert: tls.ca !== undefined }, serverContextOf(tls));
  }

  renew(tls: Tls): void {
    this.updateSecureContextOptions(serverContextOf(tls));
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

/**
 * A client that resumes a session is not asked for its certificate again, so that an expired one would work. A server
 * that wants certificates gives no tickets to resume with.
 */
const serverContextOf = (tls: Tls): SecureContextOptions => ({
  ...contextOf(tls),
  ...(tls.ca !== undefined && { secureOptions: constants.SSL_OP_NO_TICKET }),
});
