import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { blocksOf, pages, ROOT } from "@ccsp/docs-generator/blocks.js";
import { sessionOf } from "@ccsp/docs-generator/session.js";
import { scaled } from "@ccsp/testkit";

const run = promisify(execFile);
const TIMEOUT_MS = 180_000;

/** Where a reader stands: a repository of their own, beside a local fleet with a simulated model. */
describe("Every block of commands that a page marks as run", function () {
  this.timeout(TIMEOUT_MS);
  let home: string;
  let env: Record<string, string>;
  let python: boolean;
  before(async () => {
    home = await mkdtemp(join(tmpdir(), "ccsp-docs-run-"));
    const PATH = [join(ROOT, ".tools/bin"), process.env["PATH"]].join(delimiter);
    env = { PATH, HOME: home, USER: "ada", LANG: "C.UTF-8", CCSP_STATE_DIR: join(home, "state") };
    await run("ccsp", ["up", "--detach", "--simulator", "--ports", "free"], { env });
    const fleet: { gateway: string; http: string } = JSON.parse(await readFile(join(home, "state/fleet.json"), "utf8"));
    const { stdout: token } = await run("ccsp", ["token", "create", "--agent", "ada", "--role", "admin"], { env });
    env = { ...env, CCSP_GATEWAY: fleet.gateway, CCSP_HTTP: fleet.http, CCSP_TOKEN: token.trim() };
    python = await run("python3", ["-c", "import grpc"]).then(
      () => true,
      () => false,
    );
  });
  after(async () => {
    await run("ccsp", ["down"], { env });
    await rm(home, { recursive: true });
  });

  for (const page of pages()) {
    const blocks = blocksOf(page);
    if (!blocks.some(({ mark }) => mark?.kind === "run")) continue;

    it(`works as it is written: ${page}`, async () => {
      const folder = await mkdtemp(join(home, "page-"));
      const script = sessionOf(blocks, folder, { python });
      const repository = join(folder, "my repository");
      await mkdir(repository);
      await writeFile(join(repository, "README.md"), "# A repository of the reader\n");
      await run("git", ["init", "-q"], { cwd: repository, env });
      const timeout = scaled(TIMEOUT_MS - 10_000);
      const outcome = await run("bash", ["-c", script], { cwd: repository, env, timeout }).then(
        () => "",
        (error: Error & { stdout?: string; stderr?: string }) =>
          `${error.stdout ?? error.message}\n${error.stderr ?? ""}`,
      );
      assert.equal(outcome, "");
    });
  }
});
