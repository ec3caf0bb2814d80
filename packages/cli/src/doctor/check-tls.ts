import { stat } from "node:fs/promises";
import { relative } from "node:path";
import { CertificateFault, type Found as FoundCertificate, findCertificates, isSignedBy } from "@ccsp/certificates";
import { formatHostPort } from "@ccsp/config";
import { zonedTime } from "../output/words.js";
import { messageOf } from "../process/exit.js";
import { stateOf, whoOf } from "../tables/certificates.js";
import { type Found, fail, ok, skip, warn } from "./finding.js";
import type { Installation } from "./installation.js";
import { addressOf, gatewayCaFile, type Site } from "./site.js";
import { handshake } from "./tls-handshake.js";

/** Looks at the certificates in files, at the one that the gateway shows, and at those that instances report. */
export async function checkTls(site: Site, installation: Promise<Installation>): Promise<readonly Found[]> {
  const found = await Promise.all([
    ...site.certificates.map((each) => checkFiles(each, site)),
    checkGateway(site),
    checkInstances(site, installation),
  ]);
  const all = found.flat();
  return all.length > 0 ? all : [skip("TLS", "no certificate is named, and no gateway that has one")];
}

async function checkFiles({ from, path }: Site["certificates"][number], { now }: Site): Promise<readonly Found[]> {
  const files = await findCertificates(path).catch((error: unknown) => {
    if (error instanceof CertificateFault) return error;
    throw error;
  });
  if (files instanceof CertificateFault) {
    if (from === "the local fleet") return []; // its first start makes them
    return [fail(from, files.message, "make certificates with `ccsp certs init`, or correct the setting")];
  }
  const authorities = files.filter(({ certificate }) => certificate.isAuthority);
  return Promise.all(files.map((file) => judgeFile(file, { from, path, authorities, now: now() })));
}

interface Folder {
  readonly from: string;
  readonly path: string;
  readonly authorities: readonly FoundCertificate[];
  readonly now: Date;
}

async function judgeFile(found: FoundCertificate, { from, path, authorities, now }: Folder): Promise<Found> {
  const { file, certificate } = found;
  const subject = `${whoOf(found)} (${from}${relative(path, file) ? `, ${relative(path, file)}` : ""})`;
  const again = `make it again: ccsp certs init FOLDER, or with your own CA; services read the new files by themselves`;
  const until = zonedTime(certificate.until);
  const signer = authorities.find((each) => isSignedBy(certificate, each.certificate));
  switch (stateOf(found, now)) {
    case "EXPIRED":
      return fail(subject, `it expired at ${until}: connections are refused`, again);
    case "EARLY":
      return fail(subject, `it is valid only from ${zonedTime(certificate.from)}`, "correct the clock, or wait");
    case "WRONG KEY":
      return fail(subject, "the key beside it belongs to another certificate", again);
    case "DUE":
      return warn(subject, `it expires at ${until}, and nothing has renewed it`, again);
    case "VALID":
  }
  if (!certificate.isAuthority && authorities.length > 0 && signer === undefined) {
    return fail(subject, "none of the authorities beside it has signed it: others do not trust it", again);
  }
  if (await othersCanRead(file.replace(/crt$/, "key"))) {
    return warn(subject, "every user of this host can read its key", `chmod 600 ${file.replace(/crt$/, "key")}`);
  }
  return ok(subject, `valid until ${until}`);
}

/** Services read renewed files by themselves, so a certificate that is about to expire has not been renewed. */
const SOON_MS = 7 * 24 * 60 * 60 * 1000;

async function checkInstances({ now }: Site, installation: Promise<Installation>): Promise<readonly Found[]> {
  const { fleet } = await installation;
  if ("why" in fleet) return [];
  return fleet.value.instances.flatMap(({ report }) => {
    const until = report?.certificateExpireTime;
    if (report === undefined || until === undefined || until.getTime() - now().getTime() > SOON_MS) return [];
    const subject = `${report.service} ${report.instance}`;
    const mend =
      "renew the files in its CCSP_<SERVICE>_TLS_DIR: ccsp certs init FOLDER; the service reads them by itself";
    return until <= now()
      ? [fail(subject, `its certificate expired at ${zonedTime(until)}`, mend)]
      : [warn(subject, `its certificate expires at ${zonedTime(until)}`, mend)];
  });
}

const othersCanRead = (key: string): Promise<boolean> =>
  stat(key).then(
    ({ mode }) => (mode & 0o004) !== 0,
    () => false,
  );

/** The certificate that the gateway shows to its callers. */
async function checkGateway(site: Site): Promise<readonly Found[]> {
  const { gateway, now } = site;
  const caFile = gatewayCaFile(site);
  const address = addressOf(gateway ?? "");
  if (!caFile || address === undefined) return [];
  const subject = `gateway ${formatHostPort(address)}`;
  try {
    const { fault, until } = await handshake(address, caFile === "system" ? undefined : caFile);
    const mend =
      "name its CA with --ca-file, or make its certificate again: ccsp certs issue gateway-public --host NAME";
    if (fault !== undefined) return [fail(subject, `its certificate is not accepted: ${fault}`, mend)];
    if (until <= now()) return [fail(subject, `its certificate expired at ${zonedTime(until)}`, mend)];
    return [ok(subject, `its certificate is valid until ${zonedTime(until)}`)];
  } catch (error) {
    return [fail(subject, `no TLS connection: ${messageOf(error)}`, "let it listen with TLS, or leave out --ca-file")];
  }
}
