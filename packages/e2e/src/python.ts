import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Debian's own, which has the packages that it needs. */
const PYTHON = "/usr/bin/python3";
/** The folder of the Python client. */
export const PYTHON_CLIENT = fileURLToPath(new URL("../../../clients/python/", import.meta.url));
const PACKAGES = "python3-grpcio python3-protobuf python3-setuptools python3-pip";
const PIP = ["-m", "pip", "install", "--quiet", "--root-user-action=ignore"];
/** No log lines of gRPC's own about the failed connections that tests make. */
const QUIET = { PATH: "/usr/bin:/bin", GRPC_VERBOSITY: "NONE" };

/** The wheel of the Python client, installed into a folder of its own. */
export interface PythonClient {
  /** Names of the files in the folder of wheels. */
  readonly wheels: readonly string[];
  /** A folder of the caller's own, which `close` removes. */
  readonly folder: string;
  /** Runs Python with the installed wheel, in an empty environment. Resolves to what it printed. */
  python(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Printed>;
  close(): Promise<void>;
}

interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** Why this machine cannot build the Python client. Undefined if it can. */
export async function whyNoPython(): Promise<string | undefined> {
  try {
    await run(PYTHON, ["-c", "import grpc, google.protobuf, setuptools, pip"]);
    return undefined;
  } catch {
    return `the Python client cannot be built here (Debian: ${PACKAGES})`;
  }
}

/** Builds the wheel as `make python` does, and installs it without an index. */
export async function installPythonClient(): Promise<PythonClient> {
  const folder = await mkdtemp(join(tmpdir(), "ccsp-python-"));
  const [wheels, site] = [join(folder, "wheels"), join(folder, "site")];
  await run("make", ["--no-print-directory", "-C", join(PYTHON_CLIENT, "../.."), "python", `WHEELS=${wheels}`]);
  const names = await readdir(wheels);
  await run(PYTHON, [...PIP, "--no-index", "--no-deps", "--target", site, ...names.map((name) => join(wheels, name))]);
  return { wheels: names, ...installed(folder, PYTHON, { PYTHONPATH: site, MYPYPATH: site }) };
}

/**
 * Makes the source package, and has pip build and install it with these other packages from an index. Throws if pip
 * fails, also because no index can be reached.
 */
export async function installFromSource(others: readonly string[]): Promise<Omit<PythonClient, "wheels">> {
  const folder = await mkdtemp(join(tmpdir(), "ccsp-python-"));
  const [sources, own] = [join(folder, "sources"), join(folder, "venv")];
  try {
    await run(PYTHON, ["setup.py", "--quiet", "sdist", "--dist-dir", sources], { cwd: PYTHON_CLIENT });
    const [source = ""] = await readdir(sources);
    // Debian's venv has no pip of its own without another package.
    await run(PYTHON, ["-m", "venv", "--without-pip", own]);
    const python = join(own, "bin/python");
    const [, pip, ...install] = PIP;
    await run(PYTHON, ["-m", pip ?? "", "--python", python, ...install, join(sources, source), ...others]);
    return installed(folder, python, {});
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function installed(folder: string, python: string, more: Readonly<Record<string, string>>) {
  return {
    folder,
    python: (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
      run(python, [...args], { env: { ...QUIET, ...more, ...env } }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
