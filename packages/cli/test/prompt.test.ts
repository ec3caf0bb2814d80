import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFakeAgentService } from "./fake-agent-service.js";
import { ccsp, type Invocation } from "./memory-io.js";

describe("the prompt of a task", () => {
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  let dir: string;
  before(async () => {
    gateway = await startFakeAgentService();
    dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
    await writeFile(join(dir, "ask.md"), "from a file: 世界\n");
    await writeFile(join(dir, "empty.md"), " \n");
    await writeFile(join(dir, "latin1.md"), Buffer.from([0x67, 0x72, 0xfc, 0xdf]));
    await writeFile(join(dir, "large.md"), "x".repeat(4 * 1024 * 1024 + 1));
  });
  after(async () => {
    await gateway.close();
    await rm(dir, { recursive: true, force: true });
  });
  const run = (args: readonly string[], invocation: Invocation = {}) =>
    ccsp(["run", ...args], { ...invocation, env: { CCSP_GATEWAY: gateway.target, CCSP_TOKEN: "a-token" } });

  it("comes from the argument, a file, or standard input", async () => {
    const file = join(dir, "ask.md");
    for (const [args, stdin, prompt] of [
      [["an argument"], "", "an argument"],
      [["--prompt-file", file], "", "from a file: 世界\n"],
      [["-"], "from a pipe", "from a pipe"],
      [["--prompt-file", "-"], "from a pipe", "from a pipe"],
      [[], "from a pipe", "from a pipe"],
    ] as const) {
      const { code, stderr } = await run(args, { stdin });
      assert.equal(code, 0, stderr);
      assert.equal(gateway.submitted.at(-1)?.spec?.prompt, prompt);
    }
  });

  it("is the argument alone, when standard input has something too", async () => {
    await run(["an argument"], { stdin: "not read" });
    assert.equal(gateway.submitted.at(-1)?.spec?.prompt, "an argument");
  });

  it("is not awaited from a terminal", async () => {
    const { code, stderr } = await run([], { person: true });
    assert.equal(code, 2);
    assert.equal(
      stderr,
      "ccsp: there is no prompt; give it as the argument, with --prompt-file, or on standard input (see --help)\n",
    );
  });

  it("is refused with the option, the value and what is wrong", async () => {
    const before = gateway.submitted.length;
    const at = (name: string) => join(dir, name);
    const cases: readonly (readonly [readonly string[], string, string])[] = [
      [["--prompt-file", at("none.md")], "", `--prompt-file ${at("none.md")}: there is no such file`],
      [["--prompt-file", dir], "", `--prompt-file ${dir}: it is a folder; name a file`],
      [["--prompt-file", at("empty.md")], "", `--prompt-file ${at("empty.md")}: it is empty`],
      [
        ["--prompt-file", at("latin1.md")],
        "",
        `--prompt-file ${at("latin1.md")}: it is not UTF-8 text; give other files with --attach`,
      ],
      [
        ["--prompt-file", at("large.md")],
        "",
        `--prompt-file ${at("large.md")}: it has more than the maximum of 4194304 bytes`,
      ],
      [
        ["x", "--prompt-file", at("ask.md")],
        "",
        `--prompt-file ${at("ask.md")}: there is a prompt among the arguments too; give one of the two`,
      ],
      [[" "], "", "the prompt: it is empty"],
      [["-"], " \n", "the prompt on standard input: it is empty"],
      [["x", "--attach", dir], "", `--attach ${dir}: it is a folder; name a file`],
      [
        ["x", "--attach", at("large.md")],
        "",
        `--attach ${at("large.md")}: it has more than the maximum of 4194304 bytes`,
      ],
    ];
    for (const [args, stdin, message] of cases) {
      const { code, stdout, stderr } = await run(args, { stdin });
      assert.deepEqual([code, stdout, stderr], [2, "", `ccsp: ${message}\n`]);
    }
    assert.equal(gateway.submitted.length, before, "nothing was submitted");
  });

  it("is read from an endless file only up to the limit", async () => {
    const { code, stderr } = await run(["--prompt-file", "/dev/zero"]);
    assert.equal(code, 2);
    assert.match(stderr, /^ccsp: --prompt-file \/dev\/zero: it has more than the maximum of 4194304 bytes/);
  });
});
