import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CLAUDE_CODE_BIN, skip } from "@ccsp/testkit";
import { ccsp } from "./memory-io.js";

interface Ended {
  readonly result?: { readonly text: string; readonly permissionDenials?: readonly { readonly tool: string }[] };
  readonly error?: { readonly message: string };
}

describe("ccsp run in a folder, with the real CLI in a fleet", function () {
  this.timeout(120_000);
  let dir: string;
  let project: string;
  let env: Record<string, string>;
  before(async function () {
    if (CLAUDE_CODE_BIN === "") skip(this, "the Claude Code CLI is not installed");
    dir = await realpath(await mkdtemp(join(tmpdir(), "ccsp-cli-")));
    project = join(dir, "my web");
    await mkdir(project);
    await writeFile(join(project, "notes.md"), "words of the folder\n");
    await writeFile(join(dir, "beside.md"), "words beside it\n");
    const { PATH = "" } = process.env;
    env = { PATH, USER: "tester", HOME: join(dir, "home"), CCSP_STATE_DIR: join(dir, "state") };
    const { code, stderr } = await ccsp("up --single --detach --simulator --ports free".split(" "), { env });
    assert.equal(code, 0, stderr);
    // For the address that is not the one of the fleet.
    env = { ...env, CCSP_JWT_SECRET_FILE: join(dir, "state", "jwt.secret") };
  });
  after(async () => {
    if (dir === undefined) return;
    await ccsp(["down"], { env });
    await rm(dir, { recursive: true, force: true });
  });

  const tool = (name: string, input: object): string => `[[sim:tool name=${name} input='${JSON.stringify(input)}']]`;
  const run = async (prompt: string, ...options: readonly string[]) => {
    const { code, stdout, stderr } = await ccsp(["run", prompt, "--json", ...options], { env });
    const ended: Ended = JSON.parse(stdout.trimEnd().split("\n").at(-1) || "{}");
    return { code, stderr, ended };
  };
  const denied = ({ ended }: Awaited<ReturnType<typeof run>>) =>
    ended.result?.permissionDenials?.map((each) => each.tool);

  it("is refused until the folder is allowed, then reads it without asking, and is refused again when it is forgotten", async () => {
    const read = tool("Read", { file_path: join(project, "notes.md") });
    const refused = await run(read, "--working-folder", project);
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /tasks of this fleet may not use .*my web yet; allow it with: ccsp folders allow '/);
    // The executor itself decides in the same way, whatever the command checks.
    const gateway: { gateway: string } = JSON.parse(await readFile(join(dir, "state", "fleet.json"), "utf8"));
    const unchecked = ["--working-folder", project, "--gateway", gateway.gateway.replace("127.0.0.1", "localhost")];
    assert.equal(
      (await run(read, ...unchecked)).ended.error?.message,
      "working_folder: is not in a folder that this executor allows, or does not exist",
    );

    assert.equal((await ccsp(["folders", "allow", project], { env })).code, 0);
    for (const prompt of [read, tool("Grep", { pattern: "words" }), tool("Glob", { pattern: "*.md" })]) {
      const done = await run(prompt, "--working-folder", project);
      assert.equal(done.code, 0, JSON.stringify(done));
      assert.deepEqual(denied(done), []);
    }
    const outside = await run(tool("Read", { file_path: join(dir, "beside.md") }), "--working-folder", project);
    assert.deepEqual(denied(outside), ["Read"]);

    await ccsp(["folders", "forget", project], { env });
    assert.match((await run(read, ...unchecked)).ended.error?.message ?? "", /^working_folder: is not in a folder/);
  });

  it("changes files only when an option allows it", async () => {
    await ccsp(["folders", "allow", project], { env });
    const file = join(project, "notes.md");
    const edit = tool("Edit", { file_path: file, old_string: "words", new_string: "texts" });
    assert.deepEqual(denied(await run(edit, "--working-folder", project)), ["Edit"]);
    assert.equal(await readFile(file, "utf8"), "words of the folder\n");
    const read = tool("Read", { file_path: file });
    const allowed = await run(`${read}${edit}`, "--working-folder", project, "--permission-mode", "accept-edits");
    assert.deepEqual(denied(allowed), []);
    assert.equal(await readFile(file, "utf8"), "texts of the folder\n");
  });
});
