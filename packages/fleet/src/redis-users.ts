import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openPrivateFolder, replaceFile } from "@ccsp/private-files";

/** The users of a Redis that this package starts. */
export interface RedisUsers {
  readonly aclFile: string;
  /** The password of a user of the template. */
  passwordOf(user: string): string;
}

const PASSWORDS = "passwords.json";

/** What follows the name is not a hash, so Redis refuses to start with the template itself. */
const LOGIN = /^(user (\S+) .*)#SHA256-OF-PASSWORD/gm;

/**
 * Writes the ACL file of a Redis into `dir`, from the template `deploy/redis/users.acl`. Each user has a random
 * password, which stays the same: `dir/passwords.json` keeps it. Only the owner can read the two files.
 */
export async function openRedisUsers({ root, dir }: { root: string; dir: string }): Promise<RedisUsers> {
  await openPrivateFolder(dir);
  const template = await readFile(join(root, "deploy", "redis", "users.acl"), "utf8");
  const passwordFile = join(dir, PASSWORDS);
  const kept = await readPasswords(passwordFile);
  const passwords = new Map<string, string>();
  const aclFile = join(dir, "users.acl");
  const acl = template.replaceAll(LOGIN, (_, before: string, name: string) => {
    const password = kept[name] ?? randomBytes(24).toString("base64url");
    passwords.set(name, password);
    return `${before}#${createHash("sha256").update(password).digest("hex")}`;
  });
  await replaceFile(passwordFile, `${JSON.stringify(Object.fromEntries(passwords), undefined, 2)}\n`);
  await replaceFile(aclFile, acl);
  return {
    aclFile,
    passwordOf(user) {
      const password = passwords.get(user);
      if (password === undefined) throw new Error(`deploy/redis/users.acl has no user ${user}`);
      return password;
    },
  };
}

/** `user:password@` of a Redis with its users in `dir`, for a URL. Empty if they are not known. */
export async function redisLogin(dir: string, user: string): Promise<string> {
  const { [user]: password } = await readPasswords(join(dir, PASSWORDS));
  return password === undefined ? "" : `${user}:${password}@`;
}

/** The file is read from the folder of an earlier fleet. If it is gone or damaged, the users get new passwords. */
async function readPasswords(file: string): Promise<Readonly<Record<string, string>>> {
  try {
    const kept: unknown = JSON.parse(await readFile(file, "utf8"));
    const entries = Object.entries(Object(kept)).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    );
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}
