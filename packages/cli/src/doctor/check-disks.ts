import { stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Instance } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { percent } from "../output/words.js";
import { type Found, fail, ok, warn } from "./finding.js";
import type { Installation } from "./installation.js";
import type { Site } from "./site.js";

const LOW = { share: 0.1, bytes: 2 * 1024 ** 3 };
const FULL = { share: 0.02, bytes: 256 * 1024 ** 2 };

/** Looks at the disks of this host, and at what instances on other hosts report of theirs. */
export async function checkDisks(site: Site, installation: Promise<Installation>): Promise<readonly Found[]> {
  const seen = new Set<number>();
  const own: Found[] = [];
  for (const folder of site.folders) {
    const existing = await nearest(folder);
    const { dev } = await stat(existing);
    if (!seen.has(dev)) own.push(judgeDisk(folder, await statfs(existing)));
    seen.add(dev);
  }
  const { fleet } = await installation;
  return [...own, ...("why" in fleet ? [] : elsewhere(fleet.value.instances))];
}

/** The folder itself, or the nearest one above it that is there. */
async function nearest(folder: string): Promise<string> {
  const found = await stat(folder).then(
    () => true,
    () => false,
  );
  return found || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

/** What `statfs` says of a disk. */
export type Disk = Readonly<Record<"bavail" | "blocks" | "bsize" | "ffree" | "files", number>>;

export function judgeDisk(folder: string, { bavail, blocks, bsize, ffree, files }: Disk): Found {
  const [bytes, share] = [bavail * bsize, blocks > 0 ? bavail / blocks : 1];
  const inodes = files > 0 ? ffree / files : 1;
  const free = `${percent(share)} (${(bytes / 1024 ** 3).toFixed(1)} GiB) is free`;
  const mend = "delete what is not needed, or give it a larger disk";
  if (inodes < FULL.share) return fail(folder, `${percent(inodes)} of the inodes is free`, mend);
  // A large disk has enough room at a small share, and a small one, such as /tmp of a container, at a few bytes.
  if (share < FULL.share || (share < LOW.share && bytes < FULL.bytes)) {
    return fail(folder, `${free}: writes are about to fail`, mend);
  }
  if (share < LOW.share && bytes < LOW.bytes) return warn(folder, free, mend);
  return ok(folder, free);
}

const elsewhere = (instances: readonly Instance[]): readonly Found[] =>
  instances.flatMap(({ report }) => {
    const share = report?.resources?.diskFreeShare;
    if (report === undefined || share === undefined || share >= LOW.share) return [];
    const subject = `${report.service} ${report.instance}`;
    return [warn(subject, `${percent(share)} of its disk is free`, "make room on the disk of its host")];
  });
