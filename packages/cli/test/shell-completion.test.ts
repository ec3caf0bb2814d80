import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findExecutable } from "@ccsp/config";
import { scaled, skip } from "@ccsp/testkit";
import { startFakeAgentService } from "./fake-agent-service.js";
import { ccsp } from "./memory-io.js";

const BIN = fileURLToPath(new URL("../bin/ccsp.js", import.meta.url));
const PATH = process.env["PATH"] ?? "";

/** A folder with a `ccsp` of the build, two files, and a gateway with two tasks. */
describe("the completion of shells", function () {
  this.timeout(60_000);
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  let dir: string;
  let env: Record<string, string>;
  before(async () => {
    gateway = await startFakeAgentService();
    dir = await mkdtemp(join(tmpdir(), "ccsp-completion-"));
    await mkdir(join(dir, "bin"));
    // What the shells make of an answer is tested here, not how long a busy machine takes to get it.
    const script = `#!/bin/sh
[ "$1" = __complete ] && shift && set -- __complete --limit=1m "$@"
exec '${process.execPath}' '${BIN}' "$@"
`;
    await writeFile(join(dir, "bin", "ccsp"), script, { mode: 0o700 });
    for (const file of ["notes one.txt", "notes two.txt"]) await writeFile(join(dir, file), "");
    env = {
      PATH: `${join(dir, "bin")}:${PATH}`,
      HOME: dir,
      TERM: "xterm",
      LANG: "C.UTF-8",
      CCSP_STATE_DIR: dir,
      CCSP_GATEWAY: gateway.target,
      CCSP_TOKEN: "a-token",
    };
    for (const shell of ["bash", "zsh", "fish"]) {
      await writeFile(join(dir, `script.${shell}`), (await ccsp(["completion", shell])).stdout);
    }
    for (const prompt of ["hello world", "fail"]) await ccsp(["submit", prompt], { env });
    await ccsp(["schedule", "put", "nightly", "0 3 * * *", "hello"], { env });
  });
  after(async () => {
    await gateway.close();
    await rm(dir, { recursive: true, force: true });
  });

  const run = async (shell: string, args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(shell, args, { env, cwd: dir, timeout: scaled(30_000) });
    return stdout;
  };
  const has = (shell: string) => findExecutable(shell, PATH) !== undefined;

  describe("in bash", () => {
    before(function () {
      if (!has("bash")) skip(this, "bash is not installed");
    });
    /** The words are given as bash splits a line: `=` is a word of its own. */
    const complete = async (...words: readonly string[]): Promise<readonly string[]> => {
      const script = `source script.bash
COMP_WORDS=(ccsp "$@"); COMP_CWORD=$#; _ccsp; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const out = await run("bash", ["--norc", "-c", script, "bash", ...words]);
      return out.split("\n").filter(Boolean);
    };

    it("completes commands, options, choices, names of the fleet and files", async () => {
      assert.deepEqual(await complete("compl"), ["completion"]);
      assert.deepEqual(await complete("run", "x", "--prio"), ["--priority"]);
      assert.deepEqual(await complete("run", "x", "--priority", ""), ["urgent", "high", "normal", "low"]);
      assert.deepEqual(await complete("run", "--priority", "=", "hi"), ["high"]);
      assert.deepEqual(await complete("get", "task-"), ["task-1", "task-2"]);
      assert.deepEqual(await complete("schedule", "delete", ""), ["nightly"]);
      const files = await complete("run", "x", "--attach", "not");
      assert.deepEqual(files.toSorted(), ["notes one.txt", "notes two.txt"]);
    });
  });

  describe("in fish", () => {
    before(function () {
      if (!has("fish")) skip(this, "fish is not installed");
    });
    const complete = async (line: string): Promise<readonly string[]> => {
      const script = "source script.fish; complete -C $argv[1]";
      const out = await run("fish", ["--no-config", "-c", script, line]);
      return out.split("\n").filter(Boolean);
    };

    it("completes commands, options, choices, names of the fleet and files, with descriptions", async () => {
      assert.match((await complete("ccsp compl")).join(), /^completion\tprint a script/);
      assert.match((await complete("ccsp run x --prio")).join(), /^--priority\tclass of the task$/);
      assert.deepEqual(await complete("ccsp run x --priority "), ["urgent", "high", "normal", "low"]);
      assert.deepEqual(await complete("ccsp run --priority=hi"), ["--priority=high"]);
      assert.deepEqual(await complete("ccsp get task-"), ["task-1\tQUEUED hello world", "task-2\tQUEUED fail"]);
      assert.deepEqual(await complete("ccsp schedule delete "), ["nightly\t0 3 * * *"]);
      const files = await complete("ccsp run x --attach not");
      assert.deepEqual(files.map((file) => file.replaceAll("\\", "").replace(/\t.*/, "")).toSorted(), [
        "notes one.txt",
        "notes two.txt",
      ]);
    });
  });

  describe("in zsh", () => {
    before(function () {
      if (!has("zsh")) skip(this, "zsh is not installed");
    });
    /** Types a line and Tab at the prompt of an interactive zsh. Returns what the terminal shows, up to `until`. */
    const type = async (line: string, until: string): Promise<string> => {
      const script = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; autoload -Uz compinit; compinit -u -D; source script.zsh; print rea""dy'
zpty -r -m shell out '*ready*'
zpty -w -n shell "$1"$'\\t'
zpty -r -m shell out "*$2*"
print -r -- "$out"
zpty -d shell`;
      return run("zsh", ["-f", "-c", script, "zsh", line, until]);
    };

    it("completes commands, options, choices, names of the fleet and files, with descriptions", async () => {
      await type("ccsp compl", "completion");
      await type("ccsp run x --prio", "--priority");
      assert.match(await type("ccsp run x --priority ", "low"), /urgent\s+high\s+normal/);
      await type("ccsp run --priority=hi", "--priority=high");
      assert.match(await type("ccsp get task-", "QUEUED fail"), /task-1 +-- QUEUED hello world/);
      await type("ccsp schedule delete ", "nightly");
      assert.match(await type("ccsp run x --attach notes\\ ", "two.txt"), /notes\\ one.txt/);
    });
  });

  it("knows each command and option of --help, and nothing that is hidden", async () => {
    const { stdout: help } = await ccsp(["up", "--help"], { env });
    const { stdout } = await ccsp(["__complete", "--", "up", "--"], { env });
    const offered = stdout.split("\n").flatMap((line) => line.split("\t")[0] || []);
    const explained = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, name]) => name);
    assert.deepEqual(offered, explained);
    assert.ok(!offered.includes("--in-process"));
    const { stdout: commands } = await ccsp(["__complete", "--", "__"], { env });
    assert.equal(commands, "");
  });

  it("gives up a gateway that does not answer sooner than other commands do", async () => {
    const sockets: Socket[] = [];
    const deaf = createServer((socket) => {
      sockets.push(socket.on("error", () => {}).resume());
    }).listen(0, "127.0.0.1");
    await once(deaf, "listening");
    const at = { CCSP_STATE_DIR: dir, CCSP_TOKEN: "a-token", CCSP_GATEWAY: `127.0.0.1:${Object(deaf.address()).port}` };
    const other = ccsp(["list"], { env: at });
    const completion = ccsp(["__complete", "--", "get", ""], { env: at });
    const first = await Promise.race([completion.then(() => "completion"), other.then(() => "list")]);
    assert.equal(first, "completion");
    assert.deepEqual(await completion, { code: 0, stdout: "", stderr: "" });
    await other;
    deaf.close();
    // gRPC leaves the connection of a closed client open until its server answers.
    for (const socket of sockets) socket.destroy();
  });

  it("is silent without a fleet, with a wrong token file, and with words that mean nothing", async () => {
    const nowhere = { CCSP_STATE_DIR: dir };
    for (const words of [
      ["get", ""],
      ["get", "--gateway", "127.0.0.1:1", ""],
      ["get", "--token-file", "/nowhere", ""],
      ["get", "--token-file", "-", ""],
      ["no-such-command", "--what", ""],
      ["executor", "drain", ""],
      ["run", "--", "--prio"],
      [],
    ]) {
      const { code, stderr, stdout } = await ccsp(["__complete", "--", ...words], { env: nowhere });
      assert.deepEqual([code, stderr, words.length === 0 || stdout === ""], [0, "", true], words.join(" "));
    }
  });
});
