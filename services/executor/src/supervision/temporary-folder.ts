import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Maximum bytes of the path of a run's TMPDIR. A Unix socket's path may have 103 bytes on every system (104 on macOS
 * and 108 on Linux, with the final NUL). Claude Code (2.1.332) puts a socket into `cc-socks/<pid>.sock` below TMPDIR.
 * If that path is too long, it uses a folder that all runs share, and leaves it there.
 */
const MOST_BYTES = 80;
/** `/` and the six characters of `mkdtemp`. */
const OWN_BYTES = 7;

/**
 * The folder in which the runs of an executor have their temporary folders. It is in the executor's own folder, `path`,
 * if that path is short enough. Otherwise it is in the system's temporary folder, with a name that is always the same
 * for `path`.
 */
export function temporaryFolderOf(path: string): string {
  const own = join(path, "tmp");
  if (Buffer.byteLength(own) + OWN_BYTES <= MOST_BYTES) return own;
  const name = createHash("sha256").update(path).digest("hex").slice(0, 12);
  return join(tmpdir(), `ccsp-tmp-${name}`);
}
