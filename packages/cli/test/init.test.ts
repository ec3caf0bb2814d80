import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { ccsp, type Invocation } from "./memory-io.js";

describe("ccsp init", () => {
  let root: string;
  let home: string;
  let work: string;
  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), "ccsp-init-")));
    home = join(root, "home");
    work = join(root, "work");
    for (const folder of [home, work]) mkdirSync(folder);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const state = (name: string) => join(root, "state", name);
  const init = (args: readonly string[], invocation: Invocation = {}) =>
    ccsp(["init", ...args], { env: { CCSP_STATE_DIR: join(root, "state"), HOME: home }, ...invocation });
  const answering = (...answers: string[]): Invocation => ({ person: true, answers });
  const settings = () => parseEnv(readFileSync(state("settings.env"), "utf8"));
  const folders = () => readFileSync(state("allowed-folders"), "utf8");
  const nothingWritten = () => assert.throws(() => settings(), { code: "ENOENT" });

  it("asks for the login and the folders, and says what to do next", async () => {
    mkdirSync(join(home, ".claude"));
    const { code, stderr } = await init([], answering("", "", work, ""));
    assert.equal(code, 0, stderr);
    assert.deepEqual(settings(), { CCSP_CLAUDE_CODE_HOME: home });
    assert.equal(folders(), `${work}\n`);
    assert.match(
      stderr,
      new RegExp(`tasks use the login in ${home}\ntasks may work in ${work}\nNext: \`ccsp up --detach\``),
    );
  });

  it("stores a key that is typed, which nobody else can read and which is not shown", async () => {
    const { code, stdout, stderr } = await init([], answering("2", "sk-typed", ""));
    assert.equal(code, 0, stderr);
    assert.deepEqual(settings(), { CCSP_CLAUDE_CODE_API_KEY: "sk-typed" });
    assert.equal(statSync(state("settings.env")).mode & 0o777, 0o600);
    assert.doesNotMatch(stdout + stderr, /sk-typed/);
  });

  it("asks again after an answer that cannot be used", async () => {
    const { code, stderr } = await init([], answering("4", "3", "/", join(root, "nowhere"), work, ""));
    assert.equal(code, 0, stderr);
    assert.deepEqual(settings(), { CCSP_SIMULATOR: "1" });
    assert.equal(folders(), `${work}\n`);
    assert.match(stderr, /"4" is not one of them[^]*tasks could read every file[^]*there is no such folder/);
  });

  it("takes every answer from options, also with a key on standard input", async () => {
    const { code, stdout } = await init(
      ["--key-file", "-", "--allow-folder", work, "--allow-folder", home.concat("/sub"), "--yes", "--json"],
      { stdin: "sk-piped\n", ...{ env: { CCSP_STATE_DIR: join(root, "state"), HOME: "/nonexistent" } } },
    );
    assert.equal(code, 2, stdout); // one of the folders is not there
    nothingWritten();
    mkdirSync(join(home, "sub"));
    const again = await init(
      ["--key-file", "-", "--allow-folder", work, "--allow-folder", join(home, "sub"), "--yes", "--json"],
      { stdin: "sk-piped\n" },
    );
    assert.deepEqual(JSON.parse(again.stdout), {
      settings: state("settings.env"),
      login: "key",
      allowedFolders: [work, join(home, "sub")],
    });
    assert.deepEqual(settings(), { CCSP_CLAUDE_CODE_API_KEY: "sk-piped" });
  });

  for (const [what, args, stdin, message] of [
    ["no answer and no terminal", [], "", /there is no terminal to ask on: give --login-home FOLDER, --key-file/],
    ["--yes alone", ["--yes"], "", /--yes asks nothing, so say how tasks log in/],
    ["an empty key", ["--key-file", "-"], "\n", /--key-file -: it has no key: one line without spaces/],
    ["a key file that is not there", ["--key-file", "/nope"], "", /--key-file \/nope: there is no such file/],
    ["a home that is not there", ["--login-home", "/nope"], "", /--login-home \/nope: there is no such folder/],
    ["a folder that must not be allowed", ["--simulator", "--allow-folder", "/"], "", /\/ cannot be allowed/],
    ["two logins", ["--simulator", "--key-file", "-"], "k", /cannot be used with option/],
  ] as const) {
    it(`refuses ${what}, and writes nothing`, async () => {
      const { code, stderr } = await init(args, { stdin });
      assert.equal(code, 2);
      assert.match(stderr, message);
      nothingWritten();
    });
  }

  it("keeps a settings file that exists, except with --force", async () => {
    await init(["--simulator"]);
    writeFileSync(state("settings.env"), "CCSP_LOG_LEVEL=warn\n");
    const { code, stderr } = await init(["--simulator"]);
    assert.equal(code, 2);
    assert.match(stderr, /settings\.env exists: change it with an editor, or replace it with --force/);
    assert.deepEqual(settings(), { CCSP_LOG_LEVEL: "warn" });
    assert.equal((await init(["--simulator", "--force"])).code, 0);
    assert.deepEqual(settings(), { CCSP_SIMULATOR: "1" });
  });
});
