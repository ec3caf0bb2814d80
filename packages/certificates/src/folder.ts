import { createPrivateKey } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CertificateName } from "@ccsp/identity/certificate-name.js";
import { parsed, readIfThere } from "./authority.js";
import { type Certificate, parseCertificates } from "./certificate.js";
import { CertificateFault } from "./fault.js";
import { authorityFilesOf, filesOf } from "./files.js";

const OPERATORS = "operators";

/** Where the folder of a CA has the certificate of a service or an operator. */
export const folderFor = (folder: string, { kind, name }: CertificateName): string =>
  kind === "service" ? join(folder, name) : join(folder, OPERATORS, name);

/** A certificate, and the file that holds it. */
export interface Found {
  readonly file: string;
  readonly certificate: Certificate;
  /** Whether the key beside it belongs to it. Absent for a CA, and where no key is. */
  readonly hasKey?: boolean;
}

/** The folders below the folder of a CA that hold a certificate. */
export async function certificateFolders(folder: string): Promise<readonly string[]> {
  const below = [...(await foldersIn(folder)), ...(await foldersIn(join(folder, OPERATORS)))];
  const found: string[] = [];
  for (const each of below) if ((await readIfThere(filesOf(each).certificate)) !== undefined) found.push(each);
  return found;
}

/**
 * Every certificate of a file. For a folder, these are its CAs, its own certificate, and the ones of the folders below.
 * Throws a CertificateFault that names the file if there is none, or if one is damaged.
 */
export async function findCertificates(path: string): Promise<readonly Found[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new CertificateFault(`there is no file or folder ${path}`);
  const files = found.isDirectory()
    ? [
        authorityFilesOf(path).certificate,
        filesOf(path).certificate,
        ...(await certificateFolders(path)).map((each) => filesOf(each).certificate),
      ]
    : [path];
  const all: Found[] = [];
  for (const file of files) all.push(...(await readFound(file)));
  if (all.length === 0) throw new CertificateFault(`${path} has no certificate`);
  return all;
}

async function readFound(file: string): Promise<readonly Found[]> {
  const pem = await readIfThere(file);
  if (pem === undefined) return [];
  const certificates = parsed(file, () => parseCertificates(pem));
  const key = file.endsWith("tls.crt") ? await readIfThere(file.replace(/crt$/, "key")) : undefined;
  return certificates.map((certificate, i) => ({
    file,
    certificate,
    ...(key !== undefined && i === 0 && { hasKey: isKeyOf(certificate, key) }),
  }));
}

/** False also for a key that is damaged. */
export function isKeyOf({ x509 }: Certificate, key: string): boolean {
  try {
    return x509.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name))
    .toSorted();
}
