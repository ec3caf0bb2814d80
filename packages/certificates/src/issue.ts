import { mkdir } from "node:fs/promises";
import { isIP } from "node:net";
import { type CertificateName, uriOf } from "@ccsp/identity/certificate-name.js";
import { PRIVATE_FOLDER, replaceFile, replaceFiles } from "@ccsp/private-files";
import { type Authority, readIfThere } from "./authority.js";
import { type Certificate, isDue, isSignedBy, parseCertificates } from "./certificate.js";
import { filesOf } from "./files.js";
import { isKeyOf } from "./folder.js";
import { CERTIFICATE_DAYS, daysOf, lifeOf } from "./life.js";
import type { Pair } from "./sign.js";

/** A certificate that a folder should have. */
export interface Wanted {
  readonly folder: string;
  readonly name: CertificateName;
  /** Names and addresses of the host, besides those that every service has. */
  readonly hosts?: readonly string[] | undefined;
  readonly days?: number | undefined;
}

export interface Issued {
  readonly wanted: Wanted;
  readonly certificate: Certificate;
  /** Why the folder needed it. */
  readonly why: string;
}

/** Tools that check host names reach a service of this host by these names. */
const LOCAL_HOSTS = ["localhost", "127.0.0.1", "::1"] as const;

/** Gives a folder a new certificate and a new key. Readers that find only some of the new files keep the old ones. */
export async function issueCertificate(authority: Authority, wanted: Wanted, now = new Date()): Promise<Certificate> {
  const { folder, name, days = CERTIFICATE_DAYS } = wanted;
  const { signCertificate } = await import("./sign.js");
  const commonName = name.kind === "service" ? name.name : `${name.kind} ${name.name}`;
  const request = { commonName: commonName.slice(0, MAX_COMMON_NAME), uri: uriOf(name), hosts: hostsOf(wanted) };
  const { certificate, key } = await signCertificate(authority, request, lifeOf(days, now, authority.facts.until));
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const files = filesOf(folder);
  // A reader that trusts the CA already accepts the new certificates of others. So the CA comes first.
  await replaceFiles({ [files.authority]: authority.trusted, [files.key]: key, [files.certificate]: certificate });
  const [made] = parseCertificates(certificate);
  if (made === undefined) throw new Error("the new certificate cannot be read");
  return made;
}

/**
 * Makes a certificate and its key for one host. Its authority, in PEM, has signed nothing else, and nobody has its key:
 * a client that trusts it trusts this host, and nothing else by it. Claude Code 2.1.197 trusts no certificate that has
 * signed itself and is no authority. `days`: how long they hold.
 */
export async function issueForHost(
  host: string,
  days: number,
  now = new Date(),
): Promise<Pair & { readonly authority: string }> {
  const { signAuthority, signCertificate } = await import("./sign.js");
  const life = lifeOf(days, now);
  const authority = await signAuthority("CCSP, for one host", life);
  const commonName = host.slice(0, MAX_COMMON_NAME);
  return {
    ...(await signCertificate(authority, { commonName, hosts: [host] }, life)),
    authority: authority.certificate,
  };
}

// Longer names are not allowed. Nobody reads it but people.
const MAX_COMMON_NAME = 64;

/** An operator's certificate only calls, so it has no host. */
const hostsOf = ({ name, hosts = [] }: Wanted): readonly string[] =>
  name.kind === "operator" ? hosts : [...new Set([name.name, ...LOCAL_HOSTS, ...hosts])];

/**
 * Issues each certificate that is missing, damaged, due, or not what is wanted, and tells every folder which CAs to
 * trust. Everything else stays as it is, also names of hosts that somebody added with `ccsp certs issue --host`. Returns
 * what it issued.
 */
export async function keepCertificates(
  authority: Authority,
  allWanted: readonly Wanted[],
  now = new Date(),
): Promise<readonly Issued[]> {
  // All of them trust a new CA before the first one has a certificate of it.
  for (const { folder } of allWanted) {
    const { authority: path, certificate } = filesOf(folder);
    const [trusted, there] = [await readIfThere(path), await readIfThere(certificate)];
    if (there !== undefined && trusted !== authority.trusted) await replaceFile(path, authority.trusted);
  }
  const issued: Issued[] = [];
  for (const wanted of allWanted) {
    const why = await whyIssue(authority, wanted, now);
    if (why === undefined) continue;
    const hosts = [...(wanted.hosts ?? []), ...(await namesOfBefore(wanted))];
    issued.push({ wanted, why, certificate: await issueCertificate(authority, { ...wanted, hosts }, now) });
  }
  return issued;
}

/** The names of hosts in the certificate that is replaced. Its addresses do not count, because a host loses its own. */
async function namesOfBefore({ folder, name }: Wanted): Promise<readonly string[]> {
  const before = await sameAgain(folder);
  if (before?.name.kind !== name.kind || before.name.name !== name.name) return [];
  return (before.hosts ?? []).filter((host) => isIP(host) === 0);
}

async function whyIssue(authority: Authority, wanted: Wanted, now: Date): Promise<string | undefined> {
  const files = filesOf(wanted.folder);
  const [pem, key] = [await readIfThere(files.certificate), await readIfThere(files.key)];
  if (pem === undefined || key === undefined) return "there was none";
  const found = readPair(pem, key);
  if (found === undefined) return "the files were damaged";
  if (found.name?.kind !== wanted.name.kind || found.name.name !== wanted.name.name) return "it was for another name";
  if (!isSignedBy(found, authority.facts)) return "another CA signed the old one";
  if (isDue(found, now)) return "the old one is due";
  const missing = hostsOf(wanted).filter((host) => !found.hosts.includes(host));
  return missing.length > 0 ? `the old one was not for ${missing.join(", ")}` : undefined;
}

/** The certificate, if it can be read and the key belongs to it. */
function readPair(pem: string, key: string): Certificate | undefined {
  try {
    const [found] = parseCertificates(pem);
    return found !== undefined && isKeyOf(found, key) ? found : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What the folder of a certificate has to hold when it is renewed: the same name and hosts, for as many days. Undefined
 * if the certificate cannot be read or is not of CCSP.
 */
export async function sameAgain(folder: string): Promise<Wanted | undefined> {
  try {
    const [found] = parseCertificates((await readIfThere(filesOf(folder).certificate)) ?? "");
    return found?.name && { folder, name: found.name, hosts: found.hosts, days: daysOf(found) };
  } catch {
    return undefined;
  }
}
