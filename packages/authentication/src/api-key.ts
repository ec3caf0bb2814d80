import { createHash, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

/** An API key in its parts. `secret` includes the checksum. */
export interface ApiKeyParts {
  readonly id: string;
  readonly secret: string;
}

/** Callers, secret scanners and this package know an API key by it. */
const PREFIX = "ccsp_";
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH = 12;
/** 62 ^ 43 is just above 2 ^ 256. */
const RANDOM_LENGTH = 43;
/** 62 ^ 6 is just above 2 ^ 32. */
const CHECKSUM_LENGTH = 6;
const FORM = new RegExp(`^${PREFIX}([0-9A-Za-z]{${ID_LENGTH}})_([0-9A-Za-z]{${RANDOM_LENGTH + CHECKSUM_LENGTH}})$`);

/** The form of a key's id. */
export const API_KEY_ID = new RegExp(`^[0-9A-Za-z]{${ID_LENGTH}}$`);

export const newApiKeyId = (): string => random(ID_LENGTH);

/** Makes a secret for the key with this id. It has 256 random bits. */
export function newApiKeySecret(id: string): string {
  const secret = random(RANDOM_LENGTH);
  return secret + checksum(id, secret);
}

/** What a caller sends as its bearer token. */
export const formatApiKey = ({ id, secret }: ApiKeyParts): string => `${PREFIX}${id}_${secret}`;

/** Whether this bearer token is meant as an API key. No JWT looks like one. */
export const isApiKey = (bearer: string): boolean => bearer.startsWith(PREFIX);

/** Undefined if the text is not an API key, or was mistyped: its checksum finds that without asking anybody. */
export function parseApiKey(bearer: string): ApiKeyParts | undefined {
  const [, id = "", secret = ""] = FORM.exec(bearer) ?? [];
  const given = secret.slice(RANDOM_LENGTH);
  return given !== "" && given === checksum(id, secret.slice(0, RANDOM_LENGTH)) ? { id, secret } : undefined;
}

/**
 * What is stored in place of a secret. A slow hash would add nothing: nobody can try 2 ^ 256 secrets
 * (docs/adr/0015-api-keys-are-stored-hashed.md).
 */
export const hashOfSecret = (secret: string): string => createHash("sha256").update(secret).digest("base64url");

const random = (length: number): string => Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");

function checksum(id: string, secret: string): string {
  let left = crc32(`${PREFIX}${id}_${secret}`);
  let text = "";
  for (let digit = 0; digit < CHECKSUM_LENGTH; digit += 1) {
    text = `${ALPHABET[left % ALPHABET.length]}${text}`;
    left = Math.floor(left / ALPHABET.length);
  }
  return text;
}
