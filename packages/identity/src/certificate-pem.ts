import { X509Certificate } from "node:crypto";

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const BEGIN = /-----BEGIN CERTIFICATE-----/g;

/**
 * The certificates of a text in PEM, in its order. Throws if one of them is damaged or not complete. Node itself ignores
 * such a certificate, so a file that is only half written has to be found here.
 */
export function certificatesIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length !== (pem.match(BEGIN) ?? []).length) throw new Error("a certificate in PEM is not complete");
  return blocks.map((block) => new X509Certificate(block));
}
