import { type Engine, optionsOf, type RunFailure, type RunFile, type RunRequest, runFailure } from "@ccsp/engine-kit";
import {
  type Found,
  isInside,
  isUnder,
  judgePath,
  limitsOf,
  mayInspect,
  OUTSIDE,
  type Policy,
  type Root,
  refusals,
} from "./policy.js";
import type { Lease } from "./queue.js";
import { unsupported } from "./unsupported.js";

/** Files of this host. Implemented by `../files/host-files.ts`. */
export interface HostFiles {
  /**
   * Follows the path's symlinks and returns what is there, without opening it. Undefined if nothing is there or it is
   * not visible.
   */
  resolve(path: string): Promise<Found | undefined>;
  /**
   * Reads the regular file at `real`, and follows no symlink. `changed`: something else is there by now, or this user
   * may not read it. `large`: the file has more than `mostBytes`.
   */
  read(real: string, mostBytes: number): Promise<Uint8Array | "changed" | "large">;
}

/** The request of a run, or the failure that says why there is no run. */
export type Admission =
  | { readonly request: RunRequest; readonly refused?: undefined }
  | { readonly refused: RunFailure };

/** Decides on a lease before the executor starts anything for it. */
export type Admit = (lease: Lease, engine: Engine) => Promise<Admission>;

/** Folders that the operator allows in addition to the policy's, as they are now. */
export type MoreRoots = () => Promise<readonly string[]>;

/** The working folder of an admitted task cannot be used. The run has not started. */
export abstract class FolderRefused extends Error {
  abstract readonly failure: RunFailure;
}

/** It was replaced after its task was admitted. */
export class FolderChanged extends FolderRefused {
  readonly failure = runFailure("INVALID_REQUEST", `working_folder: ${OUTSIDE}`);

  constructor(options?: ErrorOptions) {
    super("the working folder was replaced after it was checked", options);
  }
}

/** It is in a folder that runs of the engine share and may not change. */
export class FolderShared extends FolderRefused {
  readonly failure = runFailure("INVALID_REQUEST", "working_folder: is in the folder of a login that runs share");

  constructor() {
    super("the working folder is in a folder that runs share");
  }
}

export interface AdmissionOptions {
  readonly policy: Policy;
  readonly files: HostFiles;
  readonly moreRoots: MoreRoots;
  /** Why no task may name a working folder. Undefined: tasks may. */
  readonly noWorkingFolders: string | undefined;
}

/** Applies the operator's policy to the files that are on this host. */
export function createAdmission({ policy, files, moreRoots, noWorkingFolders }: AdmissionOptions): Admit {
  return async (lease, engine) => {
    const missing = unsupported(lease, engine);
    if (missing) return { refused: missing };
    const faults = [...refusals(lease, policy)];
    const roots = namesPaths(lease) ? await realRoots([...policy.roots, ...(await moreRoots())], files) : [];

    const find = async (field: string, path: string, kind: "file" | "folder"): Promise<string> => {
      const found = mayInspect(path, roots) ? await files.resolve(path) : undefined;
      const fault = judgePath(found, kind, roots);
      if (fault !== undefined) faults.push(`${field}: ${fault}`);
      return found?.real ?? "";
    };
    if (lease.workingFolder && noWorkingFolders)
      faults.push(`working_folder: not on this executor: ${noWorkingFolders}`);
    const workingFolder = lease.workingFolder && (await find("working_folder", lease.workingFolder, "folder"));
    const paths = [...new Set(lease.includeFiles)];
    const reals: string[] = [];
    for (const [i, path] of paths.entries()) reals.push(await find(`include_files[${i}]`, path, "file"));
    if (faults.length > 0) return refuse(faults);

    const included = await readAll(paths, reals, policy.includeBytes, files);
    if (typeof included === "string") return refuse([included]);
    const attached = lease.attachments.map(({ name, content }) => ({
      name: `attachments/${name}`,
      content,
      origin: undefined,
    }));
    const { taskId, fence, agentId, prompt, permissionMode, traceparent } = lease;
    return {
      request: {
        ...optionsOf(lease),
        taskId,
        fence,
        agentId,
        prompt,
        traceparent,
        files: [...attached, ...included],
        workingFolder: workingFolder || undefined,
        workingRoot: workingFolder ? outermost(workingFolder, roots) : undefined,
        projectSettings: policy.projectSettings,
        deniedTools: [...new Set([...policy.deniedTools, ...lease.deniedTools])],
        permissionMode: policy.permissionModes.find((mode) => mode === permissionMode) ?? policy.permissionModes[0],
        limits: limitsOf(lease, policy),
      },
    };
  };
}

/** The root that shows most of what is around the folder. Links may make roots be in one another. */
const outermost = (folder: string, roots: readonly Root[]): string | undefined =>
  roots
    .map(({ real }) => real)
    .filter((real) => isUnder(folder, real))
    .toSorted((a, b) => a.length - b.length)[0];

const namesPaths = ({ workingFolder, includeFiles }: Lease): boolean => workingFolder !== "" || includeFiles.length > 0;

/**
 * A root that does not exist allows nothing. A root inside of another one allows nothing more than that one: a run could
 * put a link in its place.
 */
export async function realRoots(paths: readonly string[], files: HostFiles): Promise<readonly Root[]> {
  const outer = paths.filter((path) => !paths.some((other) => isInside(path, other)));
  const found = await Promise.all(outer.map(async (path) => ({ path, real: (await files.resolve(path))?.real })));
  const roots = found.flatMap(({ path, real }) => (real === undefined ? [] : [{ path, real }]));
  return roots.filter(({ path }) => !roots.some(({ real }) => isInside(path, real)));
}

/** Copies of the files, or a message that says what is wrong with one of them. */
async function readAll(
  paths: readonly string[],
  reals: readonly string[],
  mostBytes: number,
  files: HostFiles,
): Promise<readonly RunFile[] | string> {
  const read: RunFile[] = [];
  let left = mostBytes;
  for (const [i, path] of paths.entries()) {
    const content = await files.read(reals[i] ?? "", left);
    if (content === "large") return `include_files: together more than ${mostBytes} bytes`;
    if (content === "changed") return `include_files[${i}]: ${OUTSIDE}`;
    left -= content.byteLength;
    read.push({ name: `included${path}`, content, origin: path });
  }
  return read;
}

const refuse = (faults: readonly string[]): Admission => ({
  refused: runFailure("INVALID_REQUEST", faults.join("; ")),
});
