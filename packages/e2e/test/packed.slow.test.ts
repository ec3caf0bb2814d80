import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CLAUDE_CODE_BIN, SCRIPTED_ENGINE, skip } from "@ccsp/testkit";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PATH = process.env["PATH"] ?? "";
/** npm's settings, which may name another registry, and its cache; and what a network with a proxy of its own needs. */
const NPM_ENV = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    /^(npm_config_.*|home|node_extra_ca_certs|ssl_cert_(file|dir)|(https?|no)_proxy)$/i.test(name),
  ),
);

/** Runs a program. Its error has what the program printed. */
const run = async (command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) =>
  promisify(execFile)(command, args, { ...options, env: { PATH, ...options.env } }).catch((error: unknown) => {
    const { stdout = "", stderr = "", ...rest }: { stdout?: string; stderr?: string } = Object(error);
    throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`, { cause: rest });
  });

const npm = (args: readonly string[], cwd: string) =>
  run("npm", [...args, "--no-audit", "--no-fund", "--prefer-offline"], { cwd, env: NPM_ENV });

/** Programs that print the answer to one prompt. */
const ESM = `
import { createCcspClient } from "@ccsp/client";
const client = createCcspClient({ target: process.env.CCSP_GATEWAY, token: process.env.CCSP_TOKEN });
console.log((await client.run({ prompt: "from a module" }).result()).text);
client.close();
`;
const COMMONJS = `
const { createCcspClient, NotFoundError } = require("@ccsp/client");
const client = createCcspClient({ target: process.env.CCSP_GATEWAY, token: process.env.CCSP_TOKEN });
(async () => {
  const missing = await client.get("0-00000000000000000000000000").catch((error) => error);
  if (!(missing instanceof NotFoundError)) throw missing;
  console.log((await client.run({ prompt: "from CommonJS" }).result()).text);
  client.close();
})();
`;
const TYPESCRIPT = `
import { type CcspClient, createCcspClient, type RunEvent, type TaskResult, UnavailableError } from "@ccsp/client";
const client: CcspClient = createCcspClient({
  target: process.env["CCSP_GATEWAY"] ?? "",
  token: async () => process.env["CCSP_TOKEN"] ?? "",
});
export async function main(): Promise<void> {
  const run = client.run({ prompt: "from TypeScript", priority: "high", limits: { turns: 3 } });
  const texts: string[] = [];
  try {
    for await (const event of run satisfies AsyncIterable<RunEvent>) if (event.type === "text") texts.push(event.text);
    const result: TaskResult = await run.result();
    // @ts-expect-error -- the types are there: a result has no such field
    void result.answer;
    console.log(result.text === texts.join("") ? result.text : "the texts are not the result");
  } catch (error) {
    if (error instanceof UnavailableError) console.error(error.retryAfterMs satisfies number | undefined);
    throw error;
  } finally {
    client.close();
  }
}
void main();
`;
/** The double of a gateway, without a fleet. */
const DOUBLE = `
import { createCcspClient } from "@ccsp/client";
import { type FakeGateway, startFakeGateway } from "@ccsp/client/testing";
export async function main(): Promise<void> {
  const gateway: FakeGateway = await startFakeGateway({ answer: ({ prompt }) => "a double answers " + prompt });
  const client = createCcspClient({ target: gateway.target, token: "any" });
  console.log((await client.run({ prompt: "the test" }).result()).text);
  client.close();
  gateway.close();
}
void main();
`;

const PROGRAMS = {
  "agent.bundle.mjs": /from a module/,
  "module.mjs": /from a module/,
  "common.cjs": /from CommonJS/,
  "out/typed.mjs": /from TypeScript/,
  "out/typed.cjs": /from TypeScript/,
  "out/double.mjs": /^a double answers the test$/m,
  "out/double.cjs": /^a double answers the test$/m,
};

describe("the packed SDK and the packed ccsp, in a folder without this repository", function () {
  this.timeout(300_000);
  let dir: string;
  let project: string;
  let env: Record<string, string>;
  let packed: { readonly client: string; readonly cli: string };
  let runPrograms: (node: string) => Promise<void> = () => assert.fail("the test before has not installed the SDK");

  const ccsp = (...args: readonly string[]) => run(join(dir, "global/bin/ccsp"), args, { cwd: dir, env });

  before(async function () {
    dir = await realpath(await mkdtemp(join(tmpdir(), "ccsp-packed-")));
    await npm(["view", "@grpc/grpc-js", "version", "--fetch-retries=0", "--fetch-timeout=20000"], dir).catch(() =>
      skip(this, "npm's registry does not answer"),
    );
    const { stdout } = await run(process.execPath, [join(ROOT, ".ci/pack/main.mjs"), join(dir, "packed")]);
    const [client = "", cli = ""] = stdout.split("\n").map((line) => join(process.cwd(), line.split(" ", 1)[0] ?? ""));
    packed = { client, cli };
    env = {
      HOME: dir,
      USER: "tester",
      CCSP_STATE_DIR: join(dir, "state"),
      CCSP_CLAUDE_CODE_BIN: CLAUDE_CODE_BIN || SCRIPTED_ENGINE,
    };
    await npm(["install", "--global", "--prefix", join(dir, "global"), packed.cli], dir);
  });
  after(async () => {
    if (env) await ccsp("down").catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  });

  it("ccsp says its version", async () => {
    const { version }: { version: string } = JSON.parse(
      await readFile(join(ROOT, "packages/cli/package.json"), "utf8"),
    );
    assert.equal((await ccsp("--version")).stdout, `${version}\n`);
  });

  it("ccsp says how to get Redis when there is none", async () => {
    const empty = join(dir, "no-programs");
    await mkdir(empty);
    const state = { CCSP_STATE_DIR: join(dir, "no-redis"), CCSP_CLAUDE_CODE_API_KEY: "fake" };
    const up = run(process.execPath, [join(dir, "global/bin/ccsp"), "up", "--single", "--ports", "free"], {
      env: { ...env, ...state, PATH: empty },
    });
    await assert.rejects(
      up,
      /the fleet cannot start.*redis-server was not found: install Redis.*apt-get install redis-server/s,
    );
  });

  it("ccsp starts a fleet with the simulated model, runs a task, and stops it", async () => {
    await ccsp("up", "--single", "--detach", "--ports", "free", "--simulator");
    assert.match((await ccsp("run", "from the command")).stdout, /from the command/);
    assert.match((await ccsp("status")).stdout, /executor-1 +\d+ +ready/);
    await ccsp("down");
    await assert.rejects(ccsp("list"), /no fleet runs here/);
  });

  it("the SDK runs a task from a module, from CommonJS and from TypeScript, at a fleet of five processes", async () => {
    const { stdout } = await ccsp("up", "--detach", "--ports", "free", "--simulator", "--json");
    const { gateway }: { gateway: string } = JSON.parse(stdout);
    const token = (await ccsp("token", "create", "--agent", "tester")).stdout.trim();
    project = join(dir, "project");
    await mkdir(project);
    await writeFile(join(project, "package.json"), "{}");
    await npm(["install", packed.client], project);
    await writeFile(join(project, "module.mjs"), ESM);
    await writeFile(join(project, "common.cjs"), COMMONJS);
    for (const file of ["typed.mts", "typed.cts", "bundled.ts"]) await writeFile(join(project, file), TYPESCRIPT);
    const doubles = ["double.mts", "double.cts"];
    for (const file of doubles) await writeFile(join(project, file), DOUBLE);

    const strict = ["--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--types", "node"];
    const tsc = (...args: readonly string[]) =>
      run(join(ROOT, "node_modules/.bin/tsc"), ["--ignoreConfig", ...strict, ...args], { cwd: project });
    await tsc(
      "--module",
      "node16",
      "--moduleResolution",
      "node16",
      "--outDir",
      "out",
      "typed.mts",
      "typed.cts",
      ...doubles,
    );
    await tsc("--noEmit", "--module", "esnext", "--moduleResolution", "bundler", "bundled.ts");

    // As the SDK's page says. Without the banner, the bundle fails at "Dynamic require".
    const page = await readFile(join(ROOT, "packages/client/README.md"), "utf8");
    const [command = ""] = /^esbuild agent\.mjs[^`]*/m.exec(page) ?? [];
    await writeFile(join(project, "agent.mjs"), ESM);
    const PATH = [join(ROOT, "packages/dashboard/node_modules/.bin"), process.env["PATH"]].join(delimiter);
    await run("bash", ["-ec", command], { cwd: project, env: { ...process.env, PATH } });

    runPrograms = async (node) => {
      for (const [file, answer] of Object.entries(PROGRAMS)) {
        const ran = await run(node, [file], { cwd: project, env: { CCSP_GATEWAY: gateway, CCSP_TOKEN: token } });
        assert.match(ran.stdout, answer, file);
        assert.equal(ran.stderr, "", file);
      }
    };
    await runPrograms(process.execPath);
  });

  it("the SDK does all this on Node 20 too, as Debian 13 has it", async function () {
    const node = "/usr/bin/node";
    const { stdout: version } = await run(node, ["--version"]).catch(() => ({ stdout: "none" }));
    if (!version.startsWith("v20.")) skip(this, `${node} is not Node 20: ${version.trim()}`);
    await runPrograms(node);
  });
});
