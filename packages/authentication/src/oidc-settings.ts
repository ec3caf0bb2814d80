import type { Settings } from "@ccsp/config";
import { ROLES, type Role } from "@ccsp/identity";

/** How people log in with OIDC. */
export interface OidcSettings {
  /** `iss` of the tokens, and where the issuer describes itself. */
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly caFile: string | undefined;
  readonly subjectClaim: string;
  readonly groupsClaim: string;
  /** The roles of each group. */
  readonly roles: ReadonlyMap<string, readonly Role[]>;
}

const ROLE_NAMES = Object.keys(ROLES);
const GROUP_ROLE = new RegExp(`^(.+)=(${ROLE_NAMES.join("|")})$`);

/** Undefined when no issuer is named: then nobody logs in with OIDC. */
export function oidcSettings(settings: Settings): OidcSettings | undefined {
  const issuer = settings.optionalText("CCSP_OIDC_ISSUER", "issuer with which people log in; unset: they cannot", {
    pattern: /^https?:\/\/[^?#\s]+$/,
    form: "the issuer's https URL, exactly as it stands in its tokens",
  });
  const audience = settings.list(
    "CCSP_OIDC_AUDIENCE",
    "`aud` that a person's token must have: the id of the client with which people log in, or the name of an API; one of them is enough",
    { default: [] },
  );
  const caFile = settings.optionalText(
    "CCSP_OIDC_CA_FILE",
    "file with the certificate authorities of the issuer; unset: those that Node trusts",
  );
  const subjectClaim = settings.text("CCSP_OIDC_SUBJECT_CLAIM", "claim that names a person", { default: "sub" });
  const groupsClaim = settings.text("CCSP_OIDC_GROUPS_CLAIM", "claim with the groups of a person", {
    default: "groups",
  });
  const entries = settings.list("CCSP_OIDC_ROLES", "role of each group, such as `ccsp-admins=admin,dev=operator`", {
    default: [],
    form: `a list of group=role with commas; the roles are ${ROLE_NAMES.join(", ")}`,
  });
  for (const entry of entries.filter((text) => !GROUP_ROLE.test(text)))
    settings.fault(
      `CCSP_OIDC_ROLES has ${JSON.stringify(entry)}: write group=role; the roles are ${ROLE_NAMES.join(", ")}`,
    );
  if (issuer === undefined) {
    if (audience.length > 0 || entries.length > 0)
      settings.warn("CCSP_OIDC_AUDIENCE or CCSP_OIDC_ROLES is set without CCSP_OIDC_ISSUER: nobody can log in");
    return undefined;
  }
  if (audience.length === 0) settings.fault("CCSP_OIDC_AUDIENCE is not set, and CCSP_OIDC_ISSUER needs it");
  if (entries.length === 0)
    settings.fault("CCSP_OIDC_ROLES is not set, and CCSP_OIDC_ISSUER needs it: without it nobody may do anything");
  if (!protectedAddress(issuer))
    settings.fault("CCSP_OIDC_ISSUER is plain http beyond this host: anyone on the way could log in as anybody");
  return { issuer, audience, caFile, subjectClaim, groupsClaim, roles: rolesOf(entries) };
}

/** Whether what this address answers cannot be changed on the way: by TLS, or because it never leaves the host. */
export function protectedAddress(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  return protocol === "https:" || (protocol === "http:" && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname));
}

function rolesOf(entries: readonly string[]): ReadonlyMap<string, readonly Role[]> {
  const roles = new Map<string, readonly Role[]>();
  for (const entry of entries) {
    const [, group = "", name = ""] = GROUP_ROLE.exec(entry) ?? [];
    if (isRole(name)) roles.set(group, [...(roles.get(group) ?? []), name]);
  }
  return roles;
}

const isRole = (name: string): name is Role => Object.hasOwn(ROLES, name);
