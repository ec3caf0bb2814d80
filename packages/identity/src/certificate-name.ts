import type { PeerCertificate } from "node:tls";
import { AGENT_ID } from "./identity.js";

/** Who a certificate of CCSP names: a service, or a person who operates CCSP. */
export interface CertificateName {
  readonly kind: "service" | "operator";
  readonly name: string;
}

const PREFIX = "spiffe://ccsp/";

/** The name as it is in the certificate, in the form of SPIFFE: `spiffe://ccsp/service/queue`. */
export const uriOf = ({ kind, name }: CertificateName): string => `${PREFIX}${kind}/${name}`;

/**
 * The name in a certificate. Undefined if the certificate has no URI, several URIs, or a URI of another form. The
 * common name and the host names do not count.
 */
export function certificateName({
  subjectaltname = "",
}: Pick<PeerCertificate, "subjectaltname">): CertificateName | undefined {
  // Node quotes a name that contains a comma, so that it cannot pretend to be two names. No name of CCSP needs quotes.
  if (subjectaltname.includes('"')) return undefined;
  const uris = subjectaltname.split(", ").filter((entry) => entry.startsWith("URI:"));
  const [, kind, name] = /^URI:spiffe:\/\/ccsp\/(service|operator)\/([^/]+)$/.exec(uris[0] ?? "") ?? [];
  if (uris.length !== 1 || (kind !== "service" && kind !== "operator")) return undefined;
  return name !== undefined && AGENT_ID.test(name) ? { kind, name } : undefined;
}
