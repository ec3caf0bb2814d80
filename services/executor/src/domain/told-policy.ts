import { type AdmissionOptions, realRoots } from "./admission.js";
import type { ToldPolicy } from "./queue.js";

/** Most characters of the texts. The queue takes a policy of twice that. */
const MOST_CHARS = 16 * 1024;

interface Options extends Pick<AdmissionOptions, "policy" | "files" | "noWorkingFolders"> {
  /** A file may allow more roots at any time. The roots that were reported would be out of date. */
  readonly rootsMayChange: boolean;
}

/**
 * What is reported of the policy to the queue. Undefined: nothing yet, or it is too long to send. A call answers with
 * the allowed roots as they were found last, and looks at them again: a root on a disk that does not answer delays no
 * Sync. The first look begins at once, so that the first Sync after a start reports them too.
 */
export function createToldPolicy({
  policy,
  files,
  noWorkingFolders,
  rootsMayChange,
}: Options): () => ToldPolicy | undefined {
  const { permissionModes, deniedTools, maxWallMs, outputBytes, maxTurns, maxBudgetUsd } = policy;
  const look = async (): Promise<ToldPolicy | undefined> => {
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
  let known: ToldPolicy | undefined;
  let looking = false;
  const lookAgain = (): void => {
    if (looking) return;
    looking = true;
    look()
      .then((now) => (known = now))
      // What cannot be looked at is not told: then this executor alone judges.
      .catch(() => (known = undefined))
      .finally(() => (looking = false));
  };
  lookAgain();
  return () => {
    lookAgain();
    return known;
  };
}
