import type { Settings } from "@ccsp/config";
import { type OidcSettings, oidcSettings } from "./oidc-settings.js";
import { type KeySettings, MIN_SECRET_BYTES } from "./token-keys.js";

export interface AuthenticationSettings {
  readonly keys: KeySettings;
  readonly audience: string;
  readonly issuer: string | undefined;
  /** Undefined when nobody logs in with OIDC. */
  readonly oidc: OidcSettings | undefined;
}

/** The settings of a service that proves who calls it. They are the same in each service. */
export function authenticationSettings(settings: Settings): AuthenticationSettings {
  const keys = defineKeys(settings);
  const audience = settings.text("CCSP_JWT_AUDIENCE", "`aud` that a token must have", { default: "ccsp" });
  const issuer = settings.optionalText("CCSP_JWT_ISSUER", "`iss` that a token must have; unset: any");
  const oidc = oidcSettings(settings);
  if (oidc !== undefined && oidc.issuer === issuer)
    settings.fault(
      "CCSP_JWT_ISSUER and CCSP_OIDC_ISSUER are the same: its tokens are either those of agents or people",
    );
  return { keys, audience, issuer, oidc };
}

function defineKeys(settings: Settings): KeySettings {
  const secret = settings.optionalText("CCSP_JWT_SECRET", "secret of HS256 tokens, at least 32 bytes", {
    secret: true,
  });
  const secretFile = settings.optionalText("CCSP_JWT_SECRET_FILE", "file with the secret of HS256 tokens");
  const jwksFile = settings.optionalText("CCSP_JWT_JWKS_FILE", "file with the key set of EdDSA and RS256 tokens");
  const jwksUrl = settings.optionalText("CCSP_JWT_JWKS_URL", "address of the key set of EdDSA and RS256 tokens", {
    pattern: /^https?:\/\//,
    form: "an http or https URL",
  });
  if ([secret, secretFile, jwksFile, jwksUrl].every((source) => source === undefined)) {
    settings.fault(
      "no key to verify tokens with: set CCSP_JWT_SECRET_FILE, CCSP_JWT_SECRET, CCSP_JWT_JWKS_FILE or CCSP_JWT_JWKS_URL",
    );
  }
  const bytes = Buffer.byteLength(secret ?? "");
  if (secret !== undefined && bytes < MIN_SECRET_BYTES) {
    settings.fault(`CCSP_JWT_SECRET holds ${bytes} bytes; HS256 needs at least ${MIN_SECRET_BYTES}`);
  }
  if (secret !== undefined && secretFile !== undefined) {
    settings.warn("CCSP_JWT_SECRET and CCSP_JWT_SECRET_FILE are both set: the file is not read");
  }
  if (jwksFile !== undefined && jwksUrl !== undefined) {
    settings.warn("CCSP_JWT_JWKS_FILE and CCSP_JWT_JWKS_URL are both set: the file is not read");
  }
  if (jwksUrl?.startsWith("http://")) {
    settings.warn("CCSP_JWT_JWKS_URL is plain http: anyone who can change its answer can sign tokens");
  }
  return { secret, secretFile, jwksFile, jwksUrl };
}
