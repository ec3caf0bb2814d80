import { existsSync } from "node:fs";
import { join } from "node:path";
import { CertificateFault } from "@ccsp/certificates";
import { type Env, type HostPort, parseHostPort } from "@ccsp/config";
import { type CertificateOptions, certificateSettings, keepFleetCertificates } from "@ccsp/fleet";
import { agentOf } from "../auth/create-token.js";
import type { StateDir } from "../local-fleet/state.js";
import { CliError, EXIT } from "../process/exit.js";

type Values = Readonly<Record<string, string>>;

/** Where the gateways of a local fleet listen. Undefined: on the gateway's own port of this machine. */
export const gatewayListen = (env: Env): HostPort | undefined =>
  parseHostPort(env["CCSP_GATEWAY_LISTEN"]?.trim() ?? "", { lowest: 0 });

/** The same for their HTTP servers. */
export const gatewayHttpListen = (env: Env): HostPort | undefined =>
  parseHostPort(env["CCSP_GATEWAY_HTTP_LISTEN"]?.trim() ?? "", { lowest: 0 });

/** The certificates that a fleet with these settings has in its folder. */
export const fleetCertificates = (env: Env, { certificatesDir }: StateDir, given: Values): CertificateOptions => ({
  folder: certificatesDir,
  gatewayHosts: [gatewayListen(env)?.host, gatewayHttpListen(env)?.host].filter((host) => host !== undefined),
  operator: agentOf(env["USER"] ?? ""),
  given,
});

/** Makes what is missing of them, or due. Returns the settings that name them, for each service. */
export async function makeCertificates(options: CertificateOptions): Promise<ReturnType<typeof certificateSettings>> {
  try {
    await keepFleetCertificates(options);
  } catch (error) {
    if (!(error instanceof CertificateFault)) throw error;
    throw new CliError(
      EXIT.usage,
      `${error.message}. Put the file back, or delete ${options.folder}: then \`ccsp up\` makes a new CA, and ` +
        "programs that call this fleet from elsewhere need the new ca.crt",
    );
  }
  return certificateSettings(options);
}

/** The CA of the gateway's certificate, when a person gave that certificate. `system`: one that this machine knows. */
export function givenAuthority(given: Values): string | undefined {
  const folder = given["CCSP_GATEWAY_PUBLIC_TLS_DIR"]?.trim();
  if (!folder) return undefined;
  const file = join(folder, "ca.crt");
  return existsSync(file) ? file : "system";
}
