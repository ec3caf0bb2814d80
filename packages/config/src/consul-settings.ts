import { hostOf, isLoopback } from "./loopback.js";
import type { Settings } from "./settings.js";

/** Where Consul is, and how this process proves who it is there. */
export interface ConsulSettings {
  readonly url: string;
  /** PEM file with the authorities that may have signed Consul's certificate. Undefined: those of the system. */
  readonly caFile?: string | undefined;
  /** The token for Consul's ACL. `tokenFile` is read again for each question, so that it can be replaced. */
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** The settings of Consul. Undefined: this process does not use Consul. */
export function consulSettings(settings: Settings): ConsulSettings | undefined {
  const url = settings.optionalText("CCSP_CONSUL_URL", "Consul agent to register with and to find others by", {
    pattern: /^https?:\/\/\S+$/,
    form: "an http or https URL",
  });
  const caFile = settings.optionalText(
    "CCSP_CONSUL_CA_FILE",
    "PEM file with the authorities of Consul's certificate; unset: those of the system",
  );
  const token = settings.optionalText("CCSP_CONSUL_TOKEN", "token for Consul's ACL", { secret: true });
  const tokenFile = settings.optionalText(
    "CCSP_CONSUL_TOKEN_FILE",
    "file with the token for Consul's ACL; it may be replaced while the service runs",
  );
  if (token !== undefined && tokenFile !== undefined) {
    settings.fault("CCSP_CONSUL_TOKEN and CCSP_CONSUL_TOKEN_FILE are both set: unset one");
  }
  if (url === undefined) return undefined;
  if (caFile !== undefined && url.startsWith("http:")) {
    settings.fault("CCSP_CONSUL_CA_FILE needs TLS: write https:// in CCSP_CONSUL_URL");
  }
  if ((token ?? tokenFile) !== undefined && url.startsWith("http:") && !isLoopback(hostOf(url))) {
    settings.warn("the token of Consul crosses the network in plain text: write https:// in CCSP_CONSUL_URL");
  }
  return { url, caFile, token, tokenFile };
}
