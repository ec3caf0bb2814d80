import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  statfsSync,
} from "node:fs";
import {
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from "node:fs/promises";

/**
 * The places that no run can write, with the functions of `node:fs` that are used there. They follow links and trust
 * what they find. A run in a sandbox sees none of these places, or only reads them. A run without a sandbox can do all
 * that this user can, so it needs no way around them. For every other place there is `run-files.ts`; lint refuses
 * `node:fs` elsewhere in the executor and in engines.
 */

/** Files and folders that the operator names in the settings. */
export const operatorFiles = { mkdir, readFile, realpath, realpathSync, stat } as const;

/** The system's programs and libraries, and the executables of engines. */
export const systemFiles = { existsSync, lstatSync, readlinkSync, realpathSync } as const;

/**
 * What the kernel writes: /proc, and /sys/fs/cgroup for reading. `statfsSync` only counts what a file system holds, also
 * one of a run.
 */
export const kernelFiles = {
  closeSync,
  openSync,
  readdirSync,
  readFile,
  readFileSync,
  readlinkSync,
  readSync,
  statfsSync,
} as const;

/** The cgroup that the operator delegated to the executor. */
export const cgroupFiles = { existsSync, mkdir, readdir, readFile, rmdir, writeFile } as const;

/**
 * The executor's own folder and its folder for temporary folders, with the names of the folders of runs in them. What
 * is in the folder of a run belongs to the run.
 */
export const executorFiles = {
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  writeFile,
} as const;
