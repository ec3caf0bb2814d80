import assert from "node:assert/strict";
import { execFile } from "node:child_process";
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

  it("reads a bundle in a checkout, and the files themselves for a fleet", async () => {
    const isFile = (url: string) => url.endsWith("/dist/main.js");
    const isBundle = (url: string) => url.endsWith("/.tools/ccsp/main.js");
    const [list, up] = [await loadedBy(BIN, "list", "--help"), await loadedBy(BIN, "up", "--help")];
    assert.deepEqual([list.some(isBundle), list.some(isFile)], [true, false]);
    assert.deepEqual([up.some(isBundle), up.some(isFile)], [false, true]);
    assert.ok(list.length < 100, `${list.length} modules`);
  });

  it("loads no service for a command that talks to a gateway", async () => {
    const modules = await modulesOf("list", "--help");
    assert.deepEqual(
      modules.filter((url) => /\/services\/|sdk-node|ioredis/.test(url)),
      [],
    );
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
