// The only file that loads the library, which takes a tenth of a second. So it is loaded only when something is signed.
import "reflect-metadata"; // the library needs it, before it is loaded
import type { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";

/** A certificate and its key, both in PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface Life {
  readonly from: Date;
  readonly until: Date;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

x509.cryptoProvider.set(globalThis.crypto);

/** Makes a CA that signs itself. It may sign certificates of services, and no other CAs. */
export async function signAuthority(commonName: string, life: Life): Promise<Pair> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    notBefore: life.from,
    notAfter: life.until,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pemOf(certificate), key: await keyOf(keys) };
}

export interface Request {
  readonly commonName: string;
  /** The name of a service or of an operator. */
  readonly uri?: string;
  readonly hosts: readonly string[];
}

/** Makes a certificate for a server that also calls others. */
export async function signCertificate(authority: Pair, { commonName, uri, hosts }: Request, life: Life): Promise<Pair> {
  const names = uri === undefined ? [] : [{ type: "url" as const, value: uri }];
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [commonName] }],
    issuer: issuer.subject,
    notBefore: life.from,
    notAfter: life.until,
    publicKey: keys.publicKey,
    signingKey: await readKey(authority.key),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      new x509.SubjectAlternativeNameExtension([...names, ...hosts.map(nameOf)]),
    ],
  });
  return { certificate: pemOf(certificate), key: await keyOf(keys) };
}

const nameOf = (host: string) => ({ type: isIP(host) === 0 ? ("dns" as const) : ("ip" as const), value: host });

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

const readKey = (pem: string): Promise<webcrypto.CryptoKey> =>
  crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), ALGORITHM, false, ["sign"]);

const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString("pem")}\n`;

const keyOf = async ({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> =>
  `${x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", privateKey), x509.PemConverter.PrivateKeyTag)}\n`;
