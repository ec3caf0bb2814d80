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
const PACKAGES =
  "python3-grpcio python3-protobuf python3-setuptools python3-pip protobuf-compiler protobuf-compiler-grpc libprotobuf-dev";
/** No log lines of gRPC's own about the failed connections that tests make. */
const QUIET = { PATH: "/usr/bin:/bin", GRPC_VERBOSITY: "NONE" };

/** The wheel of the Python client, installed into a folder of its own. */
export interface PythonClient {
  /** Names of the files in the folder of wheels. */
  readonly wheels: readonly string[];
  /** Where the wheel is installed. */
  readonly site: string;
  /** Runs Debian's Python with the installed wheel, in an empty environment. Resolves to what it printed. */
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
    await run("protoc", ["--version"]);
    await run("sh", ["-c", "command -v grpc_python_plugin && test -f /usr/include/google/protobuf/any.proto"]);
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
  const offline = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--root-user-action=ignore"];
  await run(PYTHON, [...offline, "--target", site, ...names.map((name) => join(wheels, name))]);
  return {
    wheels: names,
    site,
    python: (args, env = {}) => run(PYTHON, [...args], { env: { ...QUIET, PYTHONPATH: site, ...env } }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
