import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { certificatesIn } from "@ccsp/identity/certificate-pem.js";
import type { Logger } from "pino";
import { notOfService } from "./peer-name.js";
import type { Tls } from "./tls.js";

/**
 * The names of the files in a folder of certificates. cert-manager and the TLS secrets of Kubernetes use these names.
 */
const FILES = { ca: "ca.crt", certificate: "tls.crt", key: "tls.key" } as const;

export interface TlsFolderOptions {
  /**
   * False for a server whose callers need no certificate: `ca.crt` is not read, even if it is there. The default is
   * true.
   */
  readonly ca?: boolean | undefined;
  /** The certificate must name this service of CCSP. */
  readonly service?: string | undefined;
}

/** Certificates and key of a folder, which may be renewed while the process runs. */
export interface TlsFolder {
  /** The newest usable content of the folder. */
  readonly tls: Tls;
  /** Calls `changed` with each new content, until the folder is closed. */
  onChange(changed: (tls: Tls) => void): void;
  close(): Promise<void>;
}

/**
 * Reads `ca.crt`, `tls.crt` and `tls.key` of a folder. Throws if a file cannot be read or holds something else, and if
 * the key does not belong to the certificate. The error names the file.
 */
export function readTlsFolder(folder: string, { ca = true, service }: TlsFolderOptions = {}): Required<Tls> {
  const tls = {
    ca: ca ? read(folder, FILES.ca) : undefined,
    certificate: read(folder, FILES.certificate),
    key: read(folder, FILES.key),
  };
  if (tls.ca !== undefined) certificatesOf(tls.ca, join(folder, FILES.ca));
  const [own] = certificatesOf(tls.certificate, join(folder, FILES.certificate));
  if (!own?.checkPrivateKey(keyOf(tls.key, join(folder, FILES.key)))) {
    throw new Error(`${join(folder, FILES.key)} is not the key of ${FILES.certificate}`);
  }
  const fault = service === undefined ? undefined : notOfService(service, own.subjectAltName);
  if (fault !== undefined) throw new Error(`${join(folder, FILES.certificate)} is ${fault}`);
  return tls;
}

/** Renewals come days before the old certificate expires, so this is soon enough. A look reads three small files. */
const LOOK_EVERY_MS = 2_000;

/** How many looks later a new certificate is used, when the authorities have just changed too. */
const LATER = 2;

/**
 * Reads a folder now, and again every two seconds. If a new content is not usable, for example because only one of two
 * files is written yet, the old content stays in use and the log says why, once.
 *
 * It looks at the content, because Kubernetes renews a secret by another symbolic link, which file watches miss.
 *
 * When the authorities change, it accepts the new ones at once. It uses a certificate that may be of a new authority two
 * looks later. By then, the other processes, which look as often, accept that authority too.
 */
export function openTlsFolder(
  folder: string,
  { log, everyMs = LOOK_EVERY_MS, ...options }: TlsFolderOptions & { readonly log: Logger; readonly everyMs?: number },
): TlsFolder {
  const listeners = new Set<(tls: Tls) => void>();
  let tls: Tls = readTlsFolder(folder, options);
  let wait = 0;
  let fault = "";

  function change(found: Tls): void {
    tls = found;
    const expires = new X509Certificate(tls.certificate ?? "").validTo;
    log.info({ folder, expires }, "certificates changed");
    for (const changed of listeners) changed(tls);
  }

  function look(): void {
    try {
      const found = readTlsFolder(folder, options);
      fault = "";
      if (!same("ca", found, tls)) {
        wait = LATER;
        change({ ...tls, ca: found.ca });
        return;
      }
      wait = Math.max(0, wait - 1);
      if (wait === 0 && !(same("certificate", found, tls) && same("key", found, tls))) change(found);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== fault)
        log.warn({ folder, err: error }, "the changed certificates are not usable: the old ones stay in use");
      fault = why;
    }
  }

  const timer = setInterval(look, everyMs).unref();
  return {
    get tls() {
      return tls;
    },
    onChange: (changed) => void listeners.add(changed),
    async close() {
      clearInterval(timer);
      listeners.clear();
    },
  };
}

/** When each of the certificates and authorities expires. */
export const expiryTimesOf = ({ ca, certificate }: Tls): Date[] =>
  [ca, certificate].flatMap((pem) =>
    pem === undefined ? [] : certificatesIn(pem.toString("latin1")).map(({ validTo }) => new Date(validTo)),
  );

const same = (part: keyof Tls, one: Tls, other: Tls): boolean => String(one[part]) === String(other[part]);

function read(folder: string, name: string): Buffer {
  try {
    return readFileSync(join(folder, name));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${join(folder, name)} cannot be read: ${why}`, { cause: error });
  }
}

function certificatesOf(pem: Buffer, file: string): readonly X509Certificate[] {
  const found = wrap(file, () => certificatesIn(pem.toString("latin1")));
  if (found.length === 0) throw new Error(`${file} has no certificate in PEM`);
  return found;
}

const keyOf = (pem: Buffer, file: string) => wrap(file, () => createPrivateKey(pem));

function wrap<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${file} cannot be used: ${why}`, { cause: error });
  }
}
