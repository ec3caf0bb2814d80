import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErrorCategory, ErrorSource, PermissionMode, type TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { CLAUDE_CODE_BIN, eventually, type Simulator, startSimulator } from "@ccsp/testkit";
import { commandLineOf, expectProcesses } from "./processes.js";
import { failureOf, type Rig, resultOf, withRig } from "./rig.js";

const limits = { wallTime: undefined, outputBytes: 0n, turns: 0, budgetUsd: 0 };

describe("a task's request", function () {
  this.timeout(60_000);
  let host: string;
  let root: string;
  beforeEach(async () => {
    host = await realpath(await mkdtemp(join(tmpdir(), "ccsp-requests-test-")));
    root = join(host, "root");
    await mkdir(join(root, "docs"), { recursive: true });
    await mkdir(join(host, "root-beside"));
    await writeFile(join(root, "docs", "a.txt"), "from the host");
    await writeFile(join(host, "secret.txt"), "outside");
    await writeFile(join(host, "root-beside", "secret.txt"), "outside");
    await symlink(join(host, "secret.txt"), join(root, "out.txt"));
    await symlink(join(root, "docs"), join(root, "in"));
    await symlink(host, join(root, "up"));
  });
  afterEach(() => rm(host, { recursive: true, force: true }));

  const refusal = async (rig: Rig, spec: Partial<TaskSpec>): Promise<string> => {
    const task = rig.queue.add("[[report]]", spec);
    const { category, source, message, retryable } = await failureOf(rig, task);
    assert.deepEqual(
      [ErrorCategory[category], ErrorSource[source], retryable],
      ["INVALID_REQUEST", "AGENT", false],
      message,
    );
    assert.deepEqual(rig.queue.recordOf(task).reports, [], "was started");
    return message;
  };

  it("is refused before anything starts, with every wrong field named", () =>
    withRig({ CCSP_EXECUTOR_MAX_TURNS: "5", CCSP_EXECUTOR_MAX_BUDGET_USD: "0.5" }, async (rig) => {
      const message = await refusal(rig, {
        permissionMode: PermissionMode.SKIP,
        workingFolder: root,
        includeFiles: [join(root, "docs", "a.txt")],
        limits: { ...limits, turns: 6, budgetUsd: 0.6 },
      });
      for (const field of [
        "permission_mode",
        "working_folder",
        "include_files[0]",
        "limits.turns",
        "limits.budget_usd",
      ]) {
        assert.ok(message.includes(`${field}: `), `${field} in ${message}`);
      }
    }));

  it("gets no file outside the allowed roots, by any path, and only regular files", () =>
    withRig({ CCSP_EXECUTOR_ALLOWED_ROOTS: root, CCSP_EXECUTOR_MAX_INCLUDE_BYTES: "20" }, async (rig) => {
      execFileSync("mkfifo", [join(root, "fifo")]);
      await symlink("/dev/zero", join(root, "zero"));
      const outside = ["out.txt", "up/secret.txt", "../secret.txt", "../root-beside/secret.txt", "missing.txt", "zero"];
      for (const path of outside) {
        assert.match(
          await refusal(rig, { includeFiles: [`${root}/${path}`] }),
          /include_files\[0\]: is not in a folder/,
          path,
        );
      }
      for (const path of ["fifo", "docs"]) {
        assert.match(
          await refusal(rig, { includeFiles: [join(root, path)] }),
          /include_files\[0\]: is not a regular file/,
          path,
        );
      }
      await writeFile(join(root, "large.txt"), "x".repeat(21));
      assert.match(
        await refusal(rig, { includeFiles: [join(root, "large.txt")] }),
        /include_files: together more than 20/,
      );
      assert.match(await refusal(rig, { workingFolder: join(root, "up") }), /working_folder: is not in a folder/);
      assert.match(
        await refusal(rig, { workingFolder: join(root, "docs", "a.txt") }),
        /working_folder: is not a folder/,
      );
    }));

  it("has its files private in the run's folder, and they are removed with it", () =>
    withRig({ CCSP_EXECUTOR_ALLOWED_ROOTS: root }, async (rig) => {
      const task = rig.queue.add("[[hang]]", {
        attachments: [{ name: "notes.md", content: Buffer.from("attached") }],
        includeFiles: [join(root, "in", "a.txt"), join(root, "in", "a.txt")],
      });
      const [pid = 0] = await eventually(() => expectProcesses(1, task));
      const folder = await eventually(() => {
        const word = commandLineOf(pid)
          .split("\0")
          .find((arg) => arg.startsWith("--add-dir="));
        assert.ok(word);
        return word.slice("--add-dir=".length);
      });
      const attached = join(folder, "attachments", "notes.md");
      const included = join(folder, "included", root, "in", "a.txt");
      assert.deepEqual(
        [await readFile(attached, "utf8"), await readFile(included, "utf8")],
        ["attached", "from the host"],
      );
      for (const file of [attached, included]) assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.equal((await stat(folder)).mode & 0o777, 0o700);
      rig.queue.cancel(task);
      await rig.ended(task);
      assert.equal(existsSync(folder), false);
    }));

  it("may work in a folder of the host, which stays as the engine leaves it", () =>
    withRig({ CCSP_EXECUTOR_ALLOWED_ROOTS: `${root}/` }, async (rig) => {
      const task = rig.queue.add("[[report]]", { workingFolder: join(root, "in") });
      const { cwd } = JSON.parse((await resultOf(rig, task)).text);
      assert.equal(cwd, join(root, "docs"));
      assert.equal(await readFile(join(root, "docs", "a.txt"), "utf8"), "from the host");
    }));

  it("may use a folder of the file of allowed roots as soon as it is in the file, and only as long", async () => {
    const file = join(host, "allowed");
    await withRig({ CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: file }, async (rig) => {
      const asked = { workingFolder: join(root, "docs"), includeFiles: [join(root, "docs", "a.txt")] };
      const answer = async () => (await resultOf(rig, rig.queue.add("[[text:done]]", asked))).text;
      const outside =
        "working_folder: is not in a folder that this executor allows, or does not exist; " +
        "include_files[0]: is not in a folder that this executor allows, or does not exist";
      assert.equal(await refusal(rig, asked), outside, "there is no file yet");
      await writeFile(file, `# a comment\n\n${root}\n`);
      assert.equal(await answer(), "done");
      await rm(file);
      assert.equal(await refusal(rig, asked), outside, "the file is gone");
      for (const lines of [`${root}-beside`, "root", `${root}/../root`, host, "/", rig.dir]) {
        await writeFile(file, `${lines}\n`);
        const why = `${lines} is another folder, not absolute, or contains the file or the executor's own folder`;
        assert.equal(await refusal(rig, asked), outside, why);
      }
      await writeFile(file, `${join(root, "in")}/\n`);
      assert.equal(await answer(), "done", "through a symlink");
    });
  });

  it("becomes flags of the engine, with the tools that the operator denies and allows", () =>
    withRig({ CCSP_EXECUTOR_DENIED_TOOLS: "WebFetch", CCSP_EXECUTOR_PERMISSION_MODES: "plan,default" }, async (rig) => {
      const argvOf = async (spec: Partial<TaskSpec>): Promise<string[]> =>
        JSON.parse((await resultOf(rig, rig.queue.add("[[report]]", spec))).text).argv;
      const bare = await argvOf({});
      assert.ok(bare.includes("--permission-mode=plan") && bare.includes("--disallowedTools=WebFetch"), bare.join(" "));
      const full = await argvOf({
        model: "m1",
        fallbackModels: ["m2", "m3"],
        availableTools: ["Read", "Bash"],
        allowedTools: ["Read", "Bash(git log:*)", "mcp__x__y"],
        deniedTools: ["Edit"],
        permissionMode: PermissionMode.DEFAULT,
      });
      for (const word of [
        "--fallback-model=m2,m3",
        "--tools=Read,Bash",
        "--allowedTools=Read,Bash(git log:*),mcp__x__y",
        "--disallowedTools=WebFetch,Edit",
        "--permission-mode=default",
      ]) {
        assert.ok(full.includes(word), `${word} in ${full.join(" ")}`);
      }
      const allowed = await argvOf({ allowedTools: ["Bash(git log:*)"] });
      assert.ok(allowed.includes("--allowedTools=Bash(git log:*)"), allowed.join(" "));
      assert.ok(!allowed.some((word) => word.startsWith("--tools")), allowed.join(" "));
    }));

  describe("to the real CLI", () => {
    let simulator: Simulator;
    before(async () => {
      simulator = await startSimulator();
    });
    after(() => simulator.close());

    it("lets the model read the given files, and use no other tools than the allowed ones", () =>
      withRig(
        {
          CCSP_CLAUDE_CODE_BIN: CLAUDE_CODE_BIN,
          CCSP_CLAUDE_CODE_BASE_URL: simulator.url,
          CCSP_EXECUTOR_ALLOWED_ROOTS: root,
        },
        async (rig) => {
          const attachments = [{ name: "notes.md", content: Buffer.from("attached words") }];
          const includeFiles = [join(root, "docs", "a.txt")];
          const runs = join(rig.dir, "executor", "runs");
          const boot = await eventually(async () => {
            const [first] = await readdir(runs);
            assert.ok(first);
            return first;
          });
          const files = join(runs, boot, "task-1-1", "files");
          const read = (path: string) => `[[sim:tool name=Read input='{"file_path":"${path}"}']]`;
          const spec = { attachments, includeFiles, workingFolder: root, availableTools: ["Read"] };
          const task = rig.queue.add(`${read(join(files, "attachments", "notes.md"))}[[sim:text value=fine]]`, spec);
          assert.equal((await resultOf(rig, task)).text, "fine");
          const [result] = simulator.requests.flatMap(({ toolResults }) => toolResults);
          assert.match(result ?? "", /attached words/);
          const call = simulator.requests.find(({ path }) => path === "/v1/messages");
          // CLI 2.1.332 also offers a placeholder for tools that it may load later.
          assert.deepEqual(
            call?.tools.filter((name) => name !== "DeferredToolPlaceholder"),
            ["Read"],
          );
          const notice = call?.said.find((text) => text.startsWith("Files given with this request:"));
          assert.equal(
            notice,
            `Files given with this request:\n- ${files}/attachments/notes.md\n- ${files}/included${root}/docs/a.txt (copy of ${root}/docs/a.txt)`,
          );
        },
      ));
  });
});
