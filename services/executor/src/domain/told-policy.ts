import { type AdmissionOptions, realRoots } from "./admission.js";
import type { ToldPolicy } from "./queue.js";

/** Most characters of the texts. The queue takes a policy of twice that. */
const MOST_CHARS = 16 * 1024;

interface Options extends Pick<AdmissionOptions, "policy" | "files" | "noWorkingFolders"> {
  /** A file may allow more roots at any time. What was told of roots would be late. */
  readonly rootsMayChange: boolean;
}

/** What the queue is told of the policy, with the allowed roots as they are now. Undefined: it is too long to tell. */
export function createToldPolicy({
  policy,
  files,
  noWorkingFolders,
  rootsMayChange,
}: Options): () => Promise<ToldPolicy | undefined> {
  const { permissionModes, deniedTools, maxWallMs, outputBytes, maxTurns, maxBudgetUsd } = policy;
  return async () => {
    const found = rootsMayChange ? [] : await realRoots(policy.roots, files);
    const roots = [...new Set(found.flatMap(({ path, real }) => [path, real]))];
    if ([...roots, ...deniedTools].join("").length > MOST_CHARS) return undefined;
    return {
      permissionModes,
      deniedTools,
      roots,
      rootsMayChange,
      noWorkingFolders: noWorkingFolders !== undefined,
      most: { maxWallMs, outputBytes, maxTurns, maxBudgetUsd },
    };
  };
}
