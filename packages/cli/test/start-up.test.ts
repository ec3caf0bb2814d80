import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Help } from "commander";
import { COMMANDS } from "../src/command-table.js";
import type { Io } from "../src/process/io.js";
import { ccsp } from "./memory-io.js";

const BIN = fileURLToPath(new URL("../bin/ccsp.js", import.meta.url));
/** What the command loads, file by file: in a checkout, it runs a bundle of these files. */
const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** Prints at the end, after a NUL character, each module that the process has resolved. */
const LIST_MODULES = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  const urls = new Set();
  registerHooks({ resolve(specifier, context, next) {
    const found = next(specifier, context);
    urls.add(found.url);
    return found;
  } });
  process.on("exit", () => process.stdout.write("\\0" + [...urls].join("\\n")));
`)}`;

async function loadedBy(...command: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", LIST_MODULES, ...command], { env: {} });
  return stdout.slice(stdout.indexOf("\0") + 1).split("\n");
}

async function modulesOf(...args: readonly string[]): Promise<readonly string[]> {
  const urls = await loadedBy(MAIN, ...args);
  assert.ok(
    urls.some((url) => url.endsWith("/program.js")),
    "the list of modules is complete",
  );
  return urls.filter((url) => url.startsWith("file:"));
}

const IO: Io = {
  env: {},
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  onInterrupt: () => () => {},
  onOutputFault: () => () => {},
};

/** Packages that take long to load. */
const HEAVY = /@grpc|@bufbuild|@opentelemetry|pino|prom-client|jose|protos\/dist/;

/** Those that only a command which runs may load. */
const CLIENTS = /grpc-kit\/dist|@opentelemetry|jose|undici|openid-client|ioredis|\/services\//;

const TABLE = new URL("../dist/command-table.js", import.meta.url).href;
const LOAD_COMMANDS = `
  import(${JSON.stringify(TABLE)}).then(async ({ COMMANDS }) => {
    for (const entry of Object.values(COMMANDS).flat()) await entry.load({ env: {} }, () => {});
  });
`;

describe("the start of ccsp", function () {
  this.timeout(30_000);

  for (const args of [["--version"], ["--help"], ["help"]]) {
    it(`loads neither gRPC nor a command for ${args[0]}`, async () => {
      const modules = await modulesOf(...args);
      assert.deepEqual(
        modules.filter((url) => HEAVY.test(url) || url.includes("/commands/")),
        [],
      );
      assert.ok(modules.length < 25, `${modules.length} modules: ${modules.join(" ")}`);
    });
  }

  it("loads no client with any command before it runs", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", LIST_MODULES, "-e", LOAD_COMMANDS]);
    const modules = stdout.slice(stdout.indexOf("\0") + 1).split("\n");
    assert.ok(modules.length > 100, "every command is loaded");
    assert.deepEqual(
      modules.filter((url) => CLIENTS.test(url)),
      [],
    );
  });

  it("loads neither a client nor what asks the fleet for values for the completion of an option", async () => {
    const modules = await modulesOf("__complete", "--", "run", "--pri");
    assert.ok(
      modules.some((url) => url.endsWith("/completion/suggest.js")),
      "the completion is loaded",
    );
    assert.deepEqual(
      modules.filter((url) => CLIENTS.test(url) || url.endsWith("/completion/sources.js")),
      [],
    );
  });

  it("reads a bundle in a checkout", async () => {
    const urls = await loadedBy(BIN, "list", "--help");
    assert.ok(
      urls.some((url) => url.endsWith("/.tools/bundles/ccsp/main.js")),
      "the bundle is loaded",
    );
    assert.ok(urls.length < 100, `${urls.length} modules`);
  });

  it("loads no service for a command that talks to a gateway", async () => {
    const modules = await modulesOf("list", "--help");
    assert.deepEqual(
      modules.filter((url) => /\/services\/|sdk-node|ioredis/.test(url)),
      [],
    );
  });
});

describe("what bin/ccsp.js runs", () => {
  let root: string;
  const at = (path: string) => join(root, path);
  /** Runs a copy of it in a folder of its own, and answers what it ran or printed. */
  const run = async (...args: readonly string[]) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [at("packages/cli/bin/ccsp.js"), ...args], {
      env: {},
    }).catch((error: { stdout: string; stderr: string }) => error);
    return `${stdout}${stderr}`.trim();
  };
  const write = async (path: string, text: string, time: number) => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), text);
    await utimes(at(path), time, time);
  };

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "ccsp-bin-"));
    await write("packages/cli/package.json", '{ "type": "module" }', 1);
    await write("packages/cli/bin/ccsp.js", await readFile(BIN, "utf8"), 1);
    await write("packages/cli/dist/main.js", 'console.log("dist")', 1);
    await write("packages/cli/tsconfig.tsbuildinfo", "", 1_000);
    await write(".tools/bundles/ccsp/package.json", '{ "type": "module" }', 1);
    await write(".tools/bundles/ccsp/main.js", 'console.log("bundle")', 2_000);
  });
  afterEach(() => rm(root, { recursive: true }));

  it("is the bundle, and dist/ for the services in one process", async () => {
    assert.deepEqual([await run("up", "--single"), await run("up", "--single", "--in-process")], ["bundle", "dist"]);
  });

  it("is dist/ when the command was compiled after the bundle, and where there is no bundle", async () => {
    await write("packages/cli/tsconfig.tsbuildinfo", "", 3_000);
    assert.equal(await run("list"), "dist");
    await rm(at(".tools"), { recursive: true });
    assert.equal(await run("list"), "dist");
  });

  it("is a message when nothing is built", async () => {
    await rm(at(".tools"), { recursive: true });
    await rm(at("packages/cli/dist"), { recursive: true });
    assert.match(await run("list"), /^ccsp: this is not built yet: run `make build`/);
  });
});

describe("the table of commands", () => {
  for (const entry of Object.values(COMMANDS).flat()) {
    it(`has the name, the arguments and the description of ${entry.term}`, async () => {
      const command = await entry.load(IO, () => {});
      assert.deepEqual(
        { term: new Help().subcommandTerm(command), description: command.description() },
        { term: entry.term, description: entry.description },
      );
    });
  }

  it("gives each command its own help, also after `help`", async () => {
    const [byOption, byWord] = [await ccsp(["list", "--help"]), await ccsp(["help", "list"])];
    assert.match(byOption.stdout, /^Usage: ccsp list/);
    assert.equal(byWord.stdout, byOption.stdout);
  });
});
