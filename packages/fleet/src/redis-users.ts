import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openPrivateFolder, PRIVATE_FILE } from "@ccsp/private-files";

/** The users of a Redis that this package starts. */
export interface RedisUsers {
  readonly aclFile: string;
  /** The password of a user of the template. */
  passwordOf(user: string): string;
}

const USER = /^user (?!default )(\S+) /gm;
/** It is no hash, so Redis refuses to start with the template itself. */
const PLACEHOLDER = "#SHA256-OF-PASSWORD";

/**
 * Writes the ACL file of a Redis into `dir`, from the template `deploy/redis/users.acl`. Each user has a random password,
 * which stays the same: `dir/passwords.json` keeps it. Only the owner can read the two files.
 */
export async function openRedisUsers({ root, dir }: { root: string; dir: string }): Promise<RedisUsers> {
  await openPrivateFolder(dir);
  const template = await readFile(join(root, "deploy", "redis", "users.acl"), "utf8");
  const passwordFile = join(dir, "passwords.json");
  const kept = await readPasswords(passwordFile);
  const names = [...template.matchAll(USER)].map(([, name = ""]) => name);
  const passwords = new Map(names.map((name) => [name, kept[name] ?? randomBytes(24).toString("base64url")]));
  const aclFile = join(dir, "users.acl");
  const acl = template.replaceAll(/^user (\S+) .*$/gm, (line, name: string) =>
    line.replace(
      PLACEHOLDER,
      `#${createHash("sha256")
        .update(passwords.get(name) ?? "")
        .digest("hex")}`,
    ),
  );
  await writeFile(passwordFile, `${JSON.stringify(Object.fromEntries(passwords), undefined, 2)}\n`, {
    mode: PRIVATE_FILE,
  });
  await writeFile(aclFile, acl, { mode: PRIVATE_FILE });
  return {
    aclFile,
    passwordOf(user) {
      const password = passwords.get(user);
      if (password === undefined) throw new Error(`deploy/redis/users.acl has no user ${user}`);
      return password;
    },
  };
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
