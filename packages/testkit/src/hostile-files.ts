import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

const PUT = {
  "a symlink": (file: string, secret: string) => symlink(secret, file),
  "a FIFO": async (file: string) => void execFileSync("mkfifo", [file]),
  "a hard link": (file: string, secret: string) => link(secret, file),
  "a symlink in place of its folder": async (file: string, secret: string) => {
    const folder = dirname(file);
    await rename(folder, `${folder}-away`);
    await symlink(dirname(secret), folder);
  },
} as const;

export type HostileFile = keyof typeof PUT;

/** What a run can put in the place of a file that the executor reads, writes or removes. */
export const HOSTILE_FILES: readonly HostileFile[] = [
  "a symlink",
  "a FIFO",
  "a hard link",
  "a symlink in place of its folder",
];

/** The folders of a run, as an engine gets them. */
interface Folders {
  readonly path: string;
  readonly work: string;
  readonly home: string;
  readonly tmp: string;
}

export interface AttackedPlace {
  /** What the executor does there. It completes the name of a test. */
  readonly what: string;
  /** The file that is attacked, below the folder of the run. */
  readonly file: string;
  /** What may be there. */
  readonly except?: HostileFile;
  /**
   * Does what the executor does there. `attack` puts the hostile file at `file`, which does not exist before. Resolves
   * to what came out of it. It may reject with `FileRefused` or EEXIST: then nothing came
   * out.
   */
  readonly act: (run: Folders, file: string, attack: () => Promise<void>) => Promise<unknown>;
}

/** The content of the host's file that no run may get. It is a login too, which ends soon. */
export const HOST_SECRET = JSON.stringify({ claudeAiOauth: { expiresAt: 1 }, accessToken: "a token of a test" });

/**
 * Attacks a place. Rejects if the secret came out, if the host's folder changed, or if a read waits for a FIFO: then a
 * thread of this process is lost, and the test's own limit of time ends it.
 */
export async function attackPlace({ file: below, act }: AttackedPlace, attack: HostileFile): Promise<void> {
  const top = await mkdtemp(join(tmpdir(), "ccsp-hostile-files-"));
  try {
    const path = join(top, "run");
    const run = { path, work: join(path, "work"), home: join(path, "home"), tmp: join(path, "tmp") };
    const file = join(path, below);
    // The secret has the name of the file, so that a swapped folder leads to it.
    const secret = join(top, "host", basename(file));
    for (const folder of [dirname(file), run.home, dirname(secret)]) await mkdir(folder, { recursive: true });
    await writeFile(secret, HOST_SECRET);
    let attacked = false;
    const put = async () => {
      await PUT[attack](file, secret);
      attacked = true;
    };
    const got = await act(run, file, put).catch((error: unknown) => {
      if (!attacked || !isRefusal(error)) throw error;
    });
    assert.ok(attacked, "nothing was attacked");
    const text = got instanceof Uint8Array ? Buffer.from(got).toString() : got;
    assert.notEqual(text, HOST_SECRET, "the secret came out");
    assert.deepEqual(await readdir(dirname(secret)), [basename(secret)]);
    assert.equal(await readFile(secret, "utf8"), HOST_SECRET);
  } finally {
    await rm(top, { recursive: true, force: true });
  }
}

/** Any other error would prove nothing: the attack may not have been met at all. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error && (error.name === "FileRefused" || ("code" in error && error.code === "EEXIST"));
