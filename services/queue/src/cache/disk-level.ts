import { createHash, randomUUID } from "node:crypto";
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { LevelConfig } from "./config.js";
import { decodeAnswer, encodeAnswer, type Level } from "./level.js";

const DIGEST_BYTES = 32;
// The space that the smallest file takes on most file systems. So it also bounds the number of files.
const BLOCK_BYTES = 4_096;
// A temporary file of this age has no writer any more.
const ABANDONED_MS = 60_000;

/**
 * Answers in files that only their owner can read. They survive restarts, and replicas on one host may share the
 * folder. There is no index. A sweep runs after a sixteenth of `maxBytes` was written, and once per TTL. It removes
 * expired answers, and then the oldest ones above `maxBytes`. While a sweep runs, there may be a third more than
 * `maxBytes`. Throws when the folder cannot be used.
 */
export async function openDiskLevel(dir: string, { ttlMs, maxBytes }: LevelConfig, now: () => number): Promise<Level> {
  // A folder inside `dir`, because other programs may use the folder that the operator named.
  const folder = join(dir, "answers");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const removing = async (): Promise<void> => removeOld(folder, { ttlMs, maxBytes }, now());
  await removing();
  let written = 0;
  let sweeping = false;
  const sweep = (): void => {
    if (sweeping) return;
    [sweeping, written] = [true, 0];
    // A fault that fails the sweep also fails the next answer to be stored, and that failure is counted.
    void removing()
      .catch(() => undefined)
      .finally(() => {
        sweeping = false;
      });
  };
  // Expired answers must go after some time, also when no new ones come.
  const timer = setInterval(sweep, ttlMs).unref();

  return {
    name: "disk",

    async find(key) {
      const path = join(folder, key);
      const bytes = await readFile(path).catch(unlessMissing);
      if (bytes === undefined) return undefined;
      const info = await stat(path).catch(unlessMissing);
      const body = bytes.subarray(DIGEST_BYTES);
      // After a power loss, a file may have other bytes than those that were written.
      const whole = bytes.byteLength >= DIGEST_BYTES && digest(body).equals(bytes.subarray(0, DIGEST_BYTES));
      if (whole && info !== undefined && now() - info.mtimeMs < ttlMs) return decodeAnswer(body);
      await rm(path, { force: true });
      return undefined;
    },

    async put(key, answer) {
      const body = encodeAnswer(answer);
      const size = onDisk(DIGEST_BYTES + body.byteLength);
      // The second condition: answers are written faster than the sweep removes them.
      if (size > maxBytes || (sweeping && written > maxBytes / 8)) return "full";
      await writeWhole(folder, key, Buffer.concat([digest(body), body]), now());
      written += size;
      if (written > maxBytes / 16) sweep();
      return "stored";
    },

    close: () => clearInterval(timer),
  };
}

/** Writes under a temporary name that no reader opens, and renames the file when it is complete. */
async function writeWhole(folder: string, key: string, bytes: Buffer, nowMs: number): Promise<void> {
  const temporary = join(folder, `.${randomUUID()}`);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.utimes(nowMs / 1000, nowMs / 1000);
    } finally {
      await file.close();
    }
    await rename(temporary, join(folder, key));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function removeOld(folder: string, { ttlMs, maxBytes }: LevelConfig, nowMs: number): Promise<void> {
  const files: { path: string; bytes: number; ageMs: number }[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const info = await stat(path).catch(unlessMissing);
    if (info === undefined) continue;
    const ageMs = nowMs - info.mtimeMs;
    const most = name.startsWith(".") ? ABANDONED_MS : ttlMs;
    if (ageMs >= most) await rm(path, { force: true });
    else files.push({ path, bytes: onDisk(info.size), ageMs });
  }
  let total = 0;
  for (const { path, bytes } of files.toSorted((a, b) => a.ageMs - b.ageMs)) {
    total += bytes;
    if (total > maxBytes) await rm(path, { force: true });
  }
}

const onDisk = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;

const digest = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest();

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}
