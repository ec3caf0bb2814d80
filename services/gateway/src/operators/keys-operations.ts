import { invalidFields } from "@ccsp/errors";
import { ApiKey, OperatorServiceService as Rpcs } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { durationMs } from "@ccsp/protos/duration.js";
import type { AdmittedCall } from "../application/call.js";
import type { Guard } from "../application/guard.js";
import type { KeyRecord } from "../keys/key-record.js";
import type { Keys, MadeKey } from "../keys/keys.js";

export interface KeysOperationOptions {
  readonly keys: Keys;
  readonly guard: Guard;
}

/** What operators do with API keys and tokens. */
export function keysOperations({ keys, guard }: KeysOperationOptions) {
  return {
    createKey: guard.unary(Rpcs.createKey, async ({ subject, name, scopes, role, lifetime }, call) => {
      const request = { subject, name, scopes, role, lifetimeMs: lifetime && durationMs(lifetime) };
      return made(await keys.create(request, call.identity), call);
    }),

    listKeys: guard.unary(Rpcs.listKeys, async ({ subject, pageSize, pageToken }) => {
      const page = await keys.list(subject, pageSize, pageToken);
      return { keys: page.keys.map(keyMessage), nextPageToken: page.nextPageToken };
    }),

    rotateKey: guard.unary(Rpcs.rotateKey, async ({ id, grace }, call) =>
      made(await keys.rotate(id, grace && durationMs(grace), call.identity), call),
    ),

    revokeKey: guard.unary(Rpcs.revokeKey, async ({ id }, call) => {
      const key = await keys.revoke(id);
      call.concernsCredential({ key: id, subject: key.subject });
      return { key: keyMessage(key) };
    }),

    revokeTokens: guard.unary(Rpcs.revokeTokens, async ({ tokens }, call) => {
      if (tokens === undefined)
        throw invalidFields([{ field: "tokens", description: "names no token and no subject" }]);
      if (tokens.$case === "token") {
        call.concernsCredential({ subject: await keys.revokeToken(tokens.value) });
      } else {
        await keys.revokeTokensOf(tokens.value);
        call.concernsCredential({ subject: tokens.value });
      }
      return {};
    }),
  };
}

function made({ key, bearer }: MadeKey, call: AdmittedCall) {
  call.concernsCredential({ key: key.id, subject: key.subject });
  return { key: keyMessage(key), bearer };
}

const keyMessage = (key: KeyRecord): ApiKey =>
  ApiKey.fromPartial({
    id: key.id,
    name: key.name,
    subject: key.subject,
    scopes: [...key.scopes],
    createdBy: key.createdBy,
    createTime: new Date(key.createdMs),
    expireTime: dateOf(key.expiresMs),
    lastUsedTime: dateOf(key.lastUsedMs),
    revokeTime: dateOf(key.revokedMs),
    rotateTime: dateOf(key.rotatedMs),
  });

const dateOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms));
