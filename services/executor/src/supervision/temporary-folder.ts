import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Bytes of a run's TMPDIR. The path of a Unix socket has at most 103 bytes on every system (104 with its end on macOS, 108 on Linux), and Claude Code
 * (2.1.332) puts one into `cc-socks/<pid>.sock` below it; where that is too long it takes a folder that all runs share, and leaves it there.
 */
const MOST_BYTES = 80;
/** `/` and the six characters of `mkdtemp`. */
const OWN_BYTES = 7;

/**
 * Where the runs of an executor have their temporary folders: in the executor's own, `path`; where that is deep, beside others in the system's
 * temporary folder, under a name that is always the same for `path`.
 */
export function temporaryFolderOf(path: string): string {
  const own = join(path, "tmp");
  if (Buffer.byteLength(own) + OWN_BYTES <= MOST_BYTES) return own;
  const name = createHash("sha256").update(path).digest("hex").slice(0, 12);
  return join(tmpdir(), `ccsp-tmp-${name}`);
}
