import {
  type Authenticator,
  formatApiKey,
  hashOfSecret,
  isApiKey,
  newApiKeyId,
  newApiKeySecret,
} from "@ccsp/authentication";
import { type FieldViolation, invalidFields, isVisible, Refusal, VISIBLE_RULE } from "@ccsp/errors";
import { AGENT_ID, agentIdFault, authorise, type Identity, ROLES, type Role, SCOPES, type Scope } from "@ccsp/identity";
import type { KeyRecord } from "./key-record.js";
import type { KeyPlace, KeyStore } from "./key-store.js";

/** A key, and what its owner sends to use it. The bearer cannot be read again. */
export interface MadeKey {
  readonly key: KeyRecord;
  readonly bearer: string;
}

export interface KeyRequest {
  readonly subject: string;
  readonly name: string;
  readonly scopes: readonly string[];
  /** A role, or "". */
  readonly role: string;
  readonly lifetimeMs: number | undefined;
}

export interface KeyPage {
  readonly keys: readonly KeyRecord[];
  /** "" on the last page. */
  readonly nextPageToken: string;
}

export interface KeysOptions {
  readonly store: KeyStore;
  /** Proves what a token says, also if the token was revoked. */
  readonly tokens: Authenticator;
  /** Makes this gateway apply what the store says now. The others do the same within seconds. */
  readonly refresh: () => Promise<void>;
}

export type Keys = ReturnType<typeof createKeys>;

const MAX_NAME = 128;
const MAX_LIFETIME_MS = 10 * 366 * 24 * 3_600_000;
const MAX_GRACE_MS = 30 * 24 * 3_600_000;
const DEFAULT_GRACE_MS = 3_600_000;
const PAGE = { usual: 50, most: 500 };
/** The clocks of gateways and Redis may differ by this much, and verification accepts an expired token for 5 s. */
const CLOCKS_MS = 60_000;

/** Issues, lists, rotates and revokes API keys, and revokes tokens. */
export function createKeys({ store, tokens, refresh }: KeysOptions) {
  async function found(id: string): Promise<KeyRecord> {
    const record = await store.find(id);
    if (record) return record;
    throw missing();
  }
  return {
    /** Nobody gives a key a scope that he lacks: SCOPE_MISSING. */
    async create(request: KeyRequest, by: Identity): Promise<MadeKey> {
      const scopes = scopesOf(request);
      const faults = faultsOf(request, scopes);
      if (faults.length > 0) throw invalidFields(faults);
      authorise(scopes, by);
      const { name, subject, lifetimeMs } = request;
      for (;;) {
        const id = newApiKeyId();
        const secret = newApiKeySecret(id);
        const secretHash = hashOfSecret(secret);
        const made = await store.create({ id, secretHash, name, subject, scopes, createdBy: by.subject, lifetimeMs });
        if (made === "ok") return { key: await found(id), bearer: formatApiKey({ id, secret }) };
      }
    },

    async list(subject: string, pageSize: number, pageToken: string): Promise<KeyPage> {
      const most = pageSize || PAGE.usual;
      const after = placeOf(pageToken);
      const faults: FieldViolation[] = [];
      if (most < 1 || most > PAGE.most) faults.push({ field: "page_size", description: `is not 1 to ${PAGE.most}` });
      if (pageToken !== "" && !after) faults.push({ field: "page_token", description: "is not a token of this list" });
      if (faults.length > 0) throw invalidFields(faults);
      const keys: KeyRecord[] = [];
      for await (const key of store.list(after)) {
        if (subject !== "" && key.subject !== subject) continue;
        if (keys.length === most) return { keys, nextPageToken: tokenOf(keys.at(-1)) };
        keys.push(key);
      }
      return { keys, nextPageToken: "" };
    },

    /**
     * The answer has a secret with all scopes of the key, so the caller needs them too: SCOPE_MISSING. Otherwise who
     * manages keys could make himself a key of an administrator.
     */
    async rotate(id: string, graceMs: number | undefined, by: Identity): Promise<MadeKey> {
      const grace = graceMs ?? DEFAULT_GRACE_MS;
      if (!(grace >= 0 && grace <= MAX_GRACE_MS)) {
        throw invalidFields([{ field: "grace", description: "is not 0 s to 30 days" }]);
      }
      const { scopes } = await found(id);
      authorise(scopes.filter(isScope), by);
      const secret = newApiKeySecret(id);
      if ((await store.rotate(id, hashOfSecret(secret), grace)) === "missing") throw missing();
      await refresh();
      return { key: await found(id), bearer: formatApiKey({ id, secret }) };
    },

    async revoke(id: string): Promise<KeyRecord> {
      if ((await store.revoke(id)) === "missing") throw missing();
      await refresh();
      return found(id);
    },

    /** Returns the subject of the token. */
    async revokeToken(token: string): Promise<string> {
      const { subject, credentialId, expireTime } = await provenToken(tokens, token);
      if (credentialId === undefined || expireTime === undefined) throw wrongToken("cannot be revoked");
      await store.revokeToken(credentialId, expireTime.getTime() + CLOCKS_MS);
      await refresh();
      return subject;
    },

    async revokeTokensOf(subject: string): Promise<void> {
      if (!AGENT_ID.test(subject)) throw invalidFields([SUBJECT_FAULT]);
      await store.revokeTokensOf(subject);
      await refresh();
    },
  };
}

const SUBJECT_FAULT = { field: "subject", description: "is not an agent id: 1 to 128 of `A-Z a-z 0-9 . _ @ -`" };

const missing = (): Refusal => new Refusal("KEY_NOT_FOUND", "there is no such API key, or it no longer works");

const wrongToken = (why: string): Refusal => invalidFields([{ field: "token", description: why }]);

async function provenToken(tokens: Authenticator, token: string): Promise<Identity> {
  if (isApiKey(token)) throw wrongToken("is an API key: revoke it by its id");
  try {
    return await tokens.authenticate({ authorization: `Bearer ${token}`, address: "" });
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason === "DEPENDENCY_UNAVAILABLE") throw error;
    throw wrongToken(`is not one that is accepted here: ${error.message}`);
  }
}

const isScope = (text: string): text is Scope => SCOPES.some((scope) => scope === text);
const isRole = (text: string): text is Role => Object.hasOwn(ROLES, text);

/** The scopes of the key in the order of `SCOPES`. Words that are not scopes are left out: `faultsOf` names them. */
function scopesOf({ scopes, role }: KeyRequest): readonly Scope[] {
  const asked: readonly string[] = [...scopes, ...(isRole(role) ? ROLES[role] : [])];
  return SCOPES.filter((scope) => asked.includes(scope));
}

function faultsOf(request: KeyRequest, scopes: readonly Scope[]): readonly FieldViolation[] {
  const { subject, name, role, lifetimeMs } = request;
  const faults: FieldViolation[] = [];
  // A person proves who he is with OIDC. A key would let its holder act as him.
  const subjectFault = agentIdFault(subject);
  if (subjectFault) faults.push({ field: "subject", description: subjectFault });
  if (name.length > MAX_NAME) faults.push({ field: "name", description: `is longer than ${MAX_NAME} characters` });
  if (!isVisible(name)) faults.push({ field: "name", description: VISIBLE_RULE });
  if (!request.scopes.every(isScope)) {
    faults.push({ field: "scopes", description: `has a scope that is not one of ${SCOPES.join(", ")}` });
  } else if (role !== "" && !isRole(role)) {
    faults.push({ field: "role", description: `must be one of ${Object.keys(ROLES).join(", ")}` });
  } else if (scopes.length === 0) {
    faults.push({ field: "scopes", description: "is empty, and so is role: the key could do nothing" });
  }
  if (lifetimeMs !== undefined && !(lifetimeMs >= 1 && lifetimeMs <= MAX_LIFETIME_MS)) {
    faults.push({ field: "lifetime", description: "is not between a moment and 10 years" });
  }
  return faults;
}

function placeOf(pageToken: string): KeyPlace | undefined {
  const [, createdMs, id] = /^(\d{1,15})\.([0-9A-Za-z]{1,32})$/.exec(pageToken) ?? [];
  return id === undefined ? undefined : { createdMs: Number(createdMs), id };
}

const tokenOf = (last: KeyRecord | undefined): string => (last === undefined ? "" : `${last.createdMs}.${last.id}`);
