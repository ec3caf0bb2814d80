import { authoriseCertificate } from "@ccsp/authentication";
import type { ServiceSettings } from "@ccsp/config";
import {
  type Admit,
  admitBy,
  type ClientOptions,
  channelTls,
  expiryTimesOf,
  openTlsFolder,
  PLAIN,
  type ServeOptions,
  type ServiceShape,
  serverTls,
  type TlsFolder,
} from "@ccsp/grpc-kit";
import type { ServiceContext } from "./run.js";

/** How a service proves who it is, to its callers and to the services that it calls, and how callers prove it to it. */
export interface ServiceCredentials {
  /** For the gRPC port. */
  readonly port: ServeOptions["credentials"];
  /** The certificate of the port, for another server of the service that has the same callers. Undefined without TLS. */
  readonly portTls: TlsFolder | undefined;
  /** Lets in what the protos allow, if the callers are services. A service with other callers has its own `admit`. */
  readonly admit: Admit;
  /** For a client of another service. The server must have the certificate of the service that offers the called definition. */
  readonly toCall: (called: ServiceShape) => ClientOptions["credentials"];
  /** When the first of the service's certificates and authorities in use expires. Undefined without TLS. */
  readonly certificateExpires: () => Date | undefined;
}

/** Opens the folders of certificates that the settings name. Throws if a certificate is unusable, or another's. */
export async function openCredentials(
  { name, tlsDir, portTlsDir, callers }: ServiceSettings,
  { open, log }: Pick<ServiceContext, "open" | "log">,
): Promise<ServiceCredentials> {
  const folder = async (path: string | undefined, options: { readonly service: string } | { readonly ca: false }) =>
    path === undefined ? undefined : await open("certificates", openTlsFolder(path, { ...options, log }));
  const own = await folder(tlsDir, { service: name });
  const port = callers === "services" ? own : await folder(portTlsDir, { ca: false });
  return {
    port: port ? serverTls(port) : PLAIN.server,
    portTls: port,
    admit: admitBy(async (caller, access, path) => {
      // Without TLS, callers on the same machine are let in and stay unknown.
      if (!port) return undefined;
      const identity = authoriseCertificate(caller, access.callers, path);
      if (identity.kind === "operator") {
        log.info({ audit: true, method: path, who: identity.subject, peer: caller.address }, "audit");
      }
      return identity;
    }, log),
    certificateExpires: () =>
      [own, port]
        .flatMap((found) => (found ? expiryTimesOf(found.tls) : []))
        .toSorted((a, b) => a.getTime() - b.getTime())[0],
    toCall: (called) => (own ? channelTls(() => own.tls, { service: offeredBy(called) }) : PLAIN.channel),
  };
}

/** The service whose proto package has this definition: `queue` for `/ccsp.queue.v1.QueueService/Sync`. */
function offeredBy(called: ServiceShape): string {
  const [, name] = /^\/ccsp\.([a-z]+)\./.exec(Object.values(called)[0]?.path ?? "") ?? [];
  if (name === undefined) throw new Error("only services of CCSP have certificates that name them");
  return name;
}
