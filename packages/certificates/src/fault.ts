/** Files of certificates that cannot be used. The message names the file, for the person who has to repair it. */
export class CertificateFault extends Error {
  override readonly name = "CertificateFault";
}
