import type { X509Certificate } from "node:crypto";
import { type CertificateName, certificateName } from "@ccsp/identity/certificate-name.js";
import { certificatesIn } from "@ccsp/identity/certificate-pem.js";

/** What a certificate says. */
export interface Certificate {
  /** Whom it names. Undefined for a CA, and for a certificate that CCSP did not make. */
  readonly name: CertificateName | undefined;
  /** The host names and addresses that it may serve. */
  readonly hosts: readonly string[];
  readonly isAuthority: boolean;
  readonly subject: string;
  readonly issuer: string;
  readonly from: Date;
  readonly until: Date;
  /** The certificate itself. */
  readonly x509: X509Certificate;
}

/** The certificates of a file in PEM, in its order. Throws if one of them is damaged or not complete. */
export const parseCertificates = (pem: string): readonly Certificate[] => certificatesIn(pem).map(parseCertificate);

function parseCertificate(x509: X509Certificate): Certificate {
  const { subjectAltName = "", ca, subject, issuer, validFromDate, validToDate } = x509;
  const hosts = subjectAltName.split(", ").flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []);
  return {
    name: certificateName({ subjectaltname: subjectAltName }),
    hosts: hosts.map(shortAddress),
    isAuthority: ca,
    subject: commonName(subject),
    issuer: commonName(issuer),
    from: validFromDate,
    until: validToDate,
    x509,
  };
}

const commonName = (name: string): string => /^CN=(.+)$/m.exec(name)?.[1] ?? name.replaceAll("\n", ", ");

/** Node writes `0:0:0:0:0:0:0:1`. */
const shortAddress = (host: string): string =>
  host.includes(":") ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host;

/** Each certificate is renewed when a third of its life is left. */
export const isDue = ({ from, until }: Pick<Certificate, "from" | "until">, now: Date): boolean =>
  until.getTime() - now.getTime() < (until.getTime() - from.getTime()) / 3;

export const isSignedBy = ({ x509 }: Certificate, authority: Certificate): boolean =>
  x509.checkIssued(authority.x509) && x509.verify(authority.x509.publicKey);
