import type { AuthenticationSettings } from "@ccsp/authentication";
import type { Settings } from "@ccsp/config";
import type { HttpSettings } from "../http/settings.js";

/** How people sign in at the dashboard with OIDC. */
export interface OidcSignInSettings {
  readonly issuer: string;
  readonly caFile: string | undefined;
  readonly clientId: string;
  readonly clientSecretFile: string | undefined;
  readonly scopes: string;
  /** Where the issuer sends a browser back to. */
  readonly redirectUrl: string;
}

/** `oidc`: the issuer that the gateway trusts. Undefined: people sign in with a token. */
export function signInSettings(
  settings: Settings,
  { oidc }: Pick<AuthenticationSettings, "oidc">,
  { publicUrl }: Pick<HttpSettings, "publicUrl">,
): OidcSignInSettings | undefined {
  const clientId = settings.optionalText(
    "CCSP_OIDC_CLIENT_ID",
    "what the dashboard is at the issuer (OIDC authorization code flow with PKCE); unset: people sign in there with a token",
  );
  const clientSecretFile = settings.optionalText(
    "CCSP_OIDC_CLIENT_SECRET_FILE",
    "file with the dashboard's secret at the issuer; unset: it is a public client",
  );
  const scopes = settings.text("CCSP_OIDC_SCOPES", "what the dashboard asks the issuer for", {
    default: "openid profile email",
  });
  if (clientId === undefined) return undefined;
  if (oidc === undefined) {
    settings.fault("CCSP_OIDC_CLIENT_ID is set without CCSP_OIDC_ISSUER: nobody can sign in with OIDC");
    return undefined;
  }
  if (!oidc.audience.includes(clientId))
    settings.fault(
      "CCSP_OIDC_AUDIENCE does not have CCSP_OIDC_CLIENT_ID: the tokens of the dashboard would be refused",
    );
  if (publicUrl === undefined)
    settings.fault(
      "CCSP_GATEWAY_PUBLIC_URL is not set, and CCSP_OIDC_CLIENT_ID needs it: the issuer sends browsers there",
    );
  const { issuer, caFile } = oidc;
  const redirectUrl = `${publicUrl}/session/oidc/callback`;
  return { issuer, caFile, clientId, clientSecretFile, scopes, redirectUrl };
}
