import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { PRIVATE_FOLDER, replaceFiles } from "@ccsp/private-files";
import { type Certificate, isDue, parseCertificates } from "./certificate.js";
import { CertificateFault } from "./fault.js";
import { authorityFilesOf } from "./files.js";
import { AUTHORITY_DAYS, lifeOf } from "./life.js";
import type { Pair } from "./sign.js";

/** A CA. Services that trust it believe every certificate that it signs. */
export interface Authority extends Pair {
  /** Its own certificate. */
  readonly facts: Certificate;
  /**
   * In PEM, the CAs that services trust: this one, then those that it replaced, until they expire or somebody removes
   * them.
   */
  readonly trusted: string;
}

/** Reads the CA of a folder. Undefined: there is none. Throws a CertificateFault if it cannot be used. */
export async function readAuthority(folder: string): Promise<Authority | undefined> {
  const files = authorityFilesOf(folder);
  const [trusted, key] = [await readIfThere(files.certificate), await readIfThere(files.key)];
  if (trusted === undefined && key === undefined) return undefined;
  if (trusted === undefined) throw new CertificateFault(`${files.key} is there, but ${files.certificate} is missing`);
  if (key === undefined) throw new CertificateFault(`${files.certificate} is there, but ${files.key} is missing`);
  const [facts] = parsed(files.certificate, () => parseCertificates(trusted));
  if (facts === undefined || !facts.isAuthority) throw new CertificateFault(`${files.certificate} is not a CA`);
  if (!facts.x509.checkPrivateKey(parsed(files.key, () => createPrivateKey(key)))) {
    throw new CertificateFault(`${files.key} is not the key of the first certificate in ${files.certificate}`);
  }
  return { facts, trusted, certificate: facts.x509.toString(), key };
}

/**
 * Makes a CA in a folder. Only the owner can read its files, and the folder if it is made here. Services go on trusting
 * the CA that was in the folder before, so that they can change to the new one after each other. The old CA's key is
 * gone: it signs no more.
 */
export async function createAuthority(folder: string, now = new Date()): Promise<Authority> {
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const files = authorityFilesOf(folder);
  const { signAuthority } = await import("./sign.js");
  // Each CA has its own name. So a service that trusts two of them sees which one signed a certificate.
  const name = `CCSP CA ${now.toISOString().slice(0, 10)} ${randomBytes(3).toString("hex")}`;
  const { certificate, key } = await signAuthority(name, lifeOf(AUTHORITY_DAYS, now));
  const before = (await readIfThere(files.certificate)) ?? "";
  const old = parsed(files.certificate, () => parseCertificates(before)).filter(({ until }) => until > now);
  const trusted = [certificate, ...old.map(({ x509 }) => x509.toString())].join("");
  await replaceFiles({ [files.key]: key, [files.certificate]: trusted });
  const made = await readAuthority(folder);
  if (made === undefined) throw new Error(`${folder} was removed while its CA was made`);
  return made;
}

/** The CA of a folder. Makes it if there is none, or if the one that is there has to be replaced soon. */
export async function keepAuthority(folder: string, now = new Date()): Promise<Authority> {
  const found = await readAuthority(folder);
  return found === undefined || isDue(found.facts, now) ? createAuthority(folder, now) : found;
}

/** Undefined: there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code, message }: { code?: string; message?: string } = Object(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CertificateFault(`${path} cannot be read: ${message}`, { cause: error });
  }
}

export function parsed<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new CertificateFault(`${path} is damaged, or holds something else`, { cause });
  }
}
