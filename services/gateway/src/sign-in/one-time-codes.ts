import { createCipheriv, createDecipheriv, hash, randomBytes } from "node:crypto";
import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";

/** Codes with which a browser gets a token that its person has elsewhere. Each function refuses if Redis is away. */
export interface OneTimeCodes {
  /** Returns a code for this token. It works once, within `CODE_MS`. */
  create(token: string): Promise<string>;
  /** Returns the token of a code. Undefined: the code is unknown, was used or has expired. */
  redeem(code: string): Promise<string | undefined>;
}

export const CODE_MS = 60_000;
const CODE = /^[\w-]{43}$/;
const ALGORITHM = "aes-256-gcm";
/** Each key encrypts one text, so it needs no other number. */
const NONCE = Buffer.alloc(12);
const TAG_BYTES = 16;

/**
 * Keeps the tokens in Redis, for all replicas. A token is encrypted with its code, and Redis does not have the code: who
 * reads Redis gets no token.
 */
export function createOneTimeCodes(redis: RedisClient): OneTimeCodes {
  const keyOf = (code: string): string => `ccsp:agents:{sign-in}:code:${hash("sha256", `name ${code}`)}`;
  return {
    async create(token) {
      const code = randomBytes(32).toString("base64url");
      await orUnavailable(redis, () => redis.set(keyOf(code), encrypted(token, code), "PX", CODE_MS));
      return code;
    },
    async redeem(code) {
      if (!CODE.test(code)) return undefined;
      const key = keyOf(code);
      const kept = await orUnavailable(redis, () => redis.get(key));
      // Two callers may have read it. Only one of them removes it.
      const removed = kept === null ? 0 : await orUnavailable(redis, () => redis.del(key));
      return kept !== null && removed === 1 ? decrypted(kept, code) : undefined;
    },
  };
}

const secretOf = (code: string): Buffer => Buffer.from(hash("sha256", `secret ${code}`, "base64url"), "base64url");

function encrypted(token: string, code: string): string {
  const cipher = createCipheriv(ALGORITHM, secretOf(code), NONCE);
  return Buffer.concat([cipher.update(token, "utf8"), cipher.final(), cipher.getAuthTag()]).toString("base64url");
}

function decrypted(kept: string, code: string): string {
  const bytes = Buffer.from(kept, "base64url");
  const decipher = createDecipheriv(ALGORITHM, secretOf(code), NONCE);
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString("utf8");
}
