import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, createAuthority, issueCertificate, keepCertificates, type Wanted } from "@ccsp/certificates";

/** Longer than the life of any certificate. */
const LONG_AGO = new Date(Date.now() - 200 * 24 * 60 * 60 * 1000);

/** A CA with the folders of some services, as `ccsp certs` makes them. */
export class Certificates {
  readonly folder: string;
  #authority: Authority;

  private constructor(folder: string, authority: Authority) {
    this.folder = folder;
    this.#authority = authority;
  }

  static async open(): Promise<Certificates> {
    const folder = await mkdtemp(join(tmpdir(), "ccsp-tls-"));
    return new Certificates(folder, await createAuthority(folder));
  }

  /** Gives a service a new certificate. Resolves to its folder. */
  async issue(service: string, options: { readonly in?: string; readonly expired?: boolean } = {}): Promise<string> {
    const wanted = this.#wanted(service, options.in);
    await issueCertificate(this.#authority, wanted, options.expired ? LONG_AGO : undefined);
    return wanted.folder;
  }

  /** Makes the certificate of a person, which is for no host and no address. Resolves to its folder. */
  async issueOperator(name: string): Promise<string> {
    const folder = join(this.folder, name);
    await issueCertificate(this.#authority, { folder, name: { kind: "operator", name } });
    return folder;
  }

  /** Replaces the CA: each folder trusts both of them, then it gets a certificate of the new one. */
  async replaceAuthority(...services: readonly string[]): Promise<void> {
    this.#authority = await createAuthority(this.folder);
    await keepCertificates(
      this.#authority,
      services.map((service) => this.#wanted(service)),
    );
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }

  #wanted(service: string, folder = service): Wanted {
    return { folder: join(this.folder, folder), name: { kind: "service", name: service } };
  }
}
