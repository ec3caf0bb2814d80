import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { skip } from "./skip.js";

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority for one test. All values are PEM. */
export interface Authority {
  readonly ca: string;
  /** Makes a certificate for a host or a service of this name. It is valid for 127.0.0.1 too. */
  issue(name: string): Promise<Certificate>;
  /** Removes its files. */
  close(): Promise<void>;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];

/**
 * Creates a certificate authority with the command `openssl`. Its certificates are those of a foreign CA, as Redis,
 * Consul, an OIDC issuer or a public gateway have them: no name of a service is in them. `@ccsp/certificates` makes the
 * certificates of services. It needs openssl 3.0 or newer. Without it, it skips the test or hook whose `this` is
 * `context`.
 */
export async function createAuthority(context: Parameters<typeof skip>[0]): Promise<Authority> {
  const run = promisify(execFile);
  await run("openssl", ["version"]).catch(() => skip(context, "the command openssl is not installed"));
  const folder = await mkdtemp(join(tmpdir(), "ccsp-certificates-"));
  const make = async (name: string, ...args: string[]): Promise<Certificate> => {
    const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
    const files = ["-subj", `/CN=${name}`, "-keyout", key, "-out", certificate];
    await run("openssl", ["req", "-x509", ...KEY, ...files, ...args]);
    return { certificate: await readFile(certificate, "utf8"), key: await readFile(key, "utf8") };
  };
  const { certificate } = await make("ca");
  const signed = ["-CA", join(folder, "ca.pem"), "-CAkey", join(folder, "ca.key")];
  return {
    ca: certificate,
    issue: (name) => make(name, ...signed, "-addext", `subjectAltName=DNS:${name},IP:127.0.0.1`),
    close: () => rm(folder, { recursive: true }),
  };
}
