import { hostname, networkInterfaces } from "node:os";
import { filesOf, folderFor, type Issued, keepAuthority, keepCertificates, type Wanted } from "@ccsp/certificates";
import { isLoopback } from "@ccsp/config";
import type { CertificateName } from "@ccsp/identity";
import type { Clock } from "./clock.js";
import type { OutputStream } from "./process.js";
import { SERVICES, type ServiceName } from "./services.js";

type Values = Readonly<Record<string, string>>;

export interface CertificateOptions {
  /** Folder of the fleet's CA. It is made if it does not exist. */
  readonly folder: string;
  /** The hosts on which gateways listen. Beyond loopback they get a certificate for their callers. */
  readonly gatewayHosts?: readonly string[] | undefined;
  /** The person who gets a certificate of an operator. */
  readonly operator?: string | undefined;
  /** The settings that the services get from elsewhere. Folders of certificates in them win. */
  readonly given: Values;
}

/** What a fleet does with certificates. */
interface Plan {
  readonly wanted: readonly Wanted[];
  readonly settings: Readonly<Partial<Record<ServiceName, Values>>>;
}

/** Gateways that listen beyond loopback show callers this certificate. */
const PUBLIC: CertificateName = { kind: "service", name: "gateway-public" };

/**
 * The settings with which each service of a fleet finds its certificate. Each service gets a folder of its own. The
 * settings that were given are not among them. A person who gave one folder for the calls between services gives all.
 */
export const certificateSettings = (options: CertificateOptions): Plan["settings"] => planOf(options).settings;

/** The file with the CA that callers of the gateway need. Undefined: the fleet gives the gateway no certificate. */
export const gatewayAuthority = (options: CertificateOptions): string | undefined => {
  const folder = planOf(options).settings.gateway?.[PUBLIC_SETTING];
  return folder === undefined ? undefined : filesOf(folder).authority;
};

/** Where the certificate of an operator is. */
export const operatorFolder = (folder: string, operator: string): string =>
  folderFor(folder, { kind: "operator", name: operator });

/** The setting with the folder of the certificate that a gateway shows to its callers. */
export const PUBLIC_SETTING = "CCSP_GATEWAY_PUBLIC_TLS_DIR";
const settingOf = (name: ServiceName): string => `CCSP_${name.toUpperCase()}_TLS_DIR`;

function planOf({ folder, gatewayHosts = [], operator, given }: CertificateOptions): Plan {
  const wanted: Wanted[] = [];
  const settings: Partial<Record<ServiceName, Values>> = {};
  const want = (name: CertificateName, hosts?: readonly string[]): string => {
    const each = { folder: folderFor(folder, name), name, hosts };
    wanted.push(each);
    return each.folder;
  };
  if (!SERVICES.some((name) => isGiven(given, settingOf(name)))) {
    for (const name of SERVICES) settings[name] = { [settingOf(name)]: want({ kind: "service", name }) };
    if (operator !== undefined) want({ kind: "operator", name: operator });
  }
  const publicHosts = gatewayHosts.filter((host) => !isLoopback(host));
  const isPlain = isGiven(given, PUBLIC_SETTING) || /^(1|true)$/.test(given[OVERRIDE]?.trim() ?? "");
  if (publicHosts.length > 0 && !isPlain) {
    const hosts = hostsOf(publicHosts, given["CCSP_ADVERTISE_HOST"]);
    settings.gateway = { ...settings.gateway, [PUBLIC_SETTING]: want(PUBLIC, hosts) };
  }
  return { wanted, settings };
}

const OVERRIDE = "CCSP_DANGEROUSLY_LISTEN_WITHOUT_TLS";
const isGiven = (given: Values, name: string): boolean => (given[name]?.trim() ?? "") !== "";

/** The names and addresses by which others may call a server that listens on these hosts. */
function hostsOf(listen: readonly string[], advertised: string | undefined): readonly string[] {
  const isWildcard = listen.some((host) => host === "0.0.0.0" || host === "::");
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const own = addresses.filter(({ internal, scopeid = 0 }) => !internal && scopeid === 0).map(({ address }) => address);
  return [...new Set([...(isWildcard ? [hostname(), ...own] : listen), ...(advertised ? [advertised] : [])])];
}

/** Makes the CA and the certificates of a fleet, as far as they are missing or due. Returns what was made. */
export async function keepFleetCertificates(options: CertificateOptions): Promise<readonly Issued[]> {
  const { wanted } = planOf(options);
  return wanted.length === 0 ? [] : keepCertificates(await keepAuthority(options.folder), wanted);
}

/** A third of 90 days is left when a certificate is due, so this is soon enough. A look reads some small files. */
const LOOK_EVERY_MS = 60 * 60 * 1000;

/** Looks every hour which certificates are due, until it is closed. Running services read changed files by themselves. */
export function renewCertificates(
  keep: () => Promise<readonly Issued[]>,
  { clock, say }: { readonly clock: Clock; readonly say: (line: string, stream?: OutputStream) => void },
): { close(): Promise<void> } {
  const stopping = new AbortController();
  const looking = (async () => {
    for (;;) {
      await clock.sleep(LOOK_EVERY_MS, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        for (const { wanted, why } of await keep())
          say(`renewed the certificate of ${wanted.name.name}: ${why}`, "stdout");
      } catch (error) {
        say(`certificates could not be renewed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  })();
  return {
    async close() {
      stopping.abort();
      await looking;
    },
  };
}
