import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { formatHostPort, type HostPort } from "./host-port.js";
import { isLoopback } from "./loopback.js";
import type { Settings } from "./settings.js";

/** The certificates of a service. */
export interface TlsSettings {
  /** Who calls the gRPC port: services prove who they are by certificate, agents by what they send with a call. */
  readonly callers: "services" | "agents";
  /** Folder with the certificate of the gRPC port. Undefined: the port is in plain text. */
  readonly portTlsDir: string | undefined;
  /**
   * Folder with the certificate by which other services know this one, and with the authority that they share.
   * Undefined: calls to other services are in plain text.
   */
  readonly tlsDir: string | undefined;
}

interface Port {
  readonly name: string;
  /** The names of the service's own settings begin with it. */
  readonly prefix: string;
  readonly listen: HostPort;
  readonly callers?: TlsSettings["callers"];
}

interface JudgedPort extends Port {
  /** The setting that has the address. */
  readonly setting: string;
}

const WITHOUT_TLS = "CCSP_DANGEROUSLY_LISTEN_WITHOUT_TLS";

/**
 * Reads where the certificates of a service are. Files that are missing are faults. So is a port that other machines
 * can reach without TLS, unless one setting allows it.
 */
export function tlsSettings(settings: Settings, port: Port): TlsSettings {
  const { name, prefix, listen, callers = "services" } = port;
  const own = `${prefix}_TLS_DIR`;
  const listening = `${prefix}_LISTEN`;
  const tlsDir = folder(settings, own, {
    doc: `certificate of the ${name} and the authority of all services, for the calls between them`,
    files: ["ca.crt", "tls.crt", "tls.key"],
  });
  if (callers === "services") {
    judgePort(
      settings,
      { ...port, setting: listening },
      { setting: own, dir: tlsDir, risk: "can call it under any name" },
    );
    return { callers, portTlsDir: tlsDir, tlsDir };
  }
  const open = `${prefix}_PUBLIC_TLS_DIR`;
  const portTlsDir = folder(settings, open, {
    doc: `certificate of the ${name} for its callers, who need none`,
    files: ["tls.crt", "tls.key"],
  });
  judgePublicPort(settings, { name, prefix, setting: listening, listen }, portTlsDir);
  return { callers, portTlsDir, tlsDir };
}

/**
 * Judges a port whose callers prove who they are by what they send. `setting` names the address `listen`. `dir` is the
 * folder with the port's certificate.
 */
export function judgePublicPort(settings: Settings, port: JudgedPort, dir: string | undefined): void {
  const setting = `${port.prefix}_PUBLIC_TLS_DIR`;
  judgePort(settings, { ...port, callers: "agents" }, { setting, dir, risk: "can read the tokens of its callers" });
}

function folder(
  settings: Settings,
  setting: string,
  { doc, files }: { readonly doc: string; readonly files: readonly string[] },
): string | undefined {
  const path = settings.optionalText(setting, doc, { form: `folder with ${files.join(", ")}` });
  if (path === undefined) return undefined;
  for (const file of files) {
    try {
      accessSync(join(path, file), constants.R_OK);
    } catch (error) {
      settings.fault(`${setting}: ${error instanceof Error ? error.message : file}`);
    }
  }
  return path;
}

function judgePort(
  settings: Settings,
  { name, setting: listening, listen, callers = "services" }: JudgedPort,
  { setting, dir, risk }: { readonly setting: string; readonly dir: string | undefined; readonly risk: string },
): void {
  const allowed = settings.flag(WITHOUT_TLS, "listen beyond this machine without TLS", { default: false });
  if (dir !== undefined) return;
  const address = formatHostPort(listen);
  const remedy = `make certificates with \`ccsp certs init\`, and set ${setting}`;
  if (isLoopback(listen.host)) {
    if (callers === "services")
      settings.warn(`without TLS, everybody who reaches ${name} at ${address} ${risk}: ${remedy}`);
  } else if (allowed) {
    settings.warn(`${WITHOUT_TLS} is on: everybody who reaches ${name} at ${address} ${risk}`);
  } else {
    settings.fault(
      `${listening} is ${address}, but without TLS everybody who reaches ${name} there ${risk}: ${remedy}; or listen on 127.0.0.1; or set ${WITHOUT_TLS}=true`,
    );
  }
}
