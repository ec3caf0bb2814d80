import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { issueCertificate, readAuthority } from "@ccsp/certificates";
import { executorClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { operatorFolder } from "@ccsp/fleet";
import { eventually, skip } from "@ccsp/testkit";
import {
  type Attempt,
  allowed,
  attempts,
  FOLDER_BYTES,
  keptConversations,
  kernelAttempts,
  message,
  metadataAttempts,
  OWN_MODEL,
  plants,
  scriptOf,
  sleeping,
  succeededIn,
  swaps,
} from "../src/hostile-task.js";

const bash = (script: string): string => {
  const command = `echo ${Buffer.from(script).toString("base64")} | base64 -d | bash`;
  return `[[sim:tool name=Bash input='${JSON.stringify({ command, description: "looks around" })}']]`;
};

/** A world whose executor lets tasks do all that the CLI can, with a secret of its operator. */
async function startOpenWorld(folder: string, mode: "required" | "off", roots = ""): Promise<World> {
  const variables = join(folder, "engine.env");
  // Without this, the CLI does not run as root with this permission mode.
  await writeFile(variables, "IS_SANDBOX=1\n");
  return await startWorld({
    slots: 3,
    env: {
      CCSP_EXECUTOR_SANDBOX: mode,
      CCSP_EXECUTOR_SANDBOX_BYTES: String(FOLDER_BYTES),
      CCSP_EXECUTOR_PERMISSION_MODES: "skip",
      CCSP_EXECUTOR_WARM: "2",
      ...(roots && { CCSP_EXECUTOR_ALLOWED_ROOTS: roots }),
      CCSP_CLAUDE_CODE_ENV_FILE: variables,
    },
  });
}

/** Files that let their reader act as a service, as an operator or as an agent. */
const SECRET = /\.(?:key|token|secret|acl)$|^passwords\.json$/;

/** The secrets of the fleet, with a login and a certificate of its operator. */
async function placeSecrets({ dataDir, certificates }: World): Promise<readonly string[]> {
  const authority = await readAuthority(certificates);
  assert.ok(authority);
  await issueCertificate(authority, {
    folder: operatorFolder(certificates, "ann"),
    name: { kind: "operator", name: "ann" },
  });
  const home = join(dataDir, "home", ".claude");
  await mkdir(home, { recursive: true });
  const login = join(home, ".credentials.json");
  await writeFile(login, '{"claudeAiOauth":{"accessToken":"a token of a test"}}');
  const files = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const secrets = files.filter((file) => file.isFile() && SECRET.test(file.name));
  return [login, ...secrets.map(({ parentPath, name }) => join(parentPath, name))];
}

/** Makes all attempts in one task, while another task runs and processes wait. */
async function tryAll(world: World, all: readonly Attempt[]): Promise<readonly boolean[]> {
  const client = world.client("mallory");
  const other = world.client("alice");
  const executor = executorClient(world);
  try {
    const note = "echo private >note.txt; echo private >$HOME/note.txt; tail -f /dev/null";
    const running = await other.submit({ prompt: bash(note), permissionMode: "skip" });
    for (let i = 0; i < 3; i++) await other.run({ prompt: "hello", permissionMode: "skip" }).result();
    await eventually(async () => assert.equal((await executor.getExecutorStatus({})).engines[0]?.warm, 2), {
      timeoutMs: 60_000,
      what: "two waiting processes",
    });
    // A turn limit of its own: no waiting process serves it.
    const own = { model: OWN_MODEL, permissionMode: "skip", limits: { turns: 77 } } as const;
    await client.run({ prompt: bash(scriptOf(all)), ...own }).result();
    const output = world.simulator.requests
      .flatMap(({ toolResults }) => toolResults)
      .find((said) => said.includes("try 0"));
    assert.ok(output, "the task's tool did not run");
    const succeeded = succeededIn(all, output);
    await other.cancel(running.id);
    return succeeded;
  } finally {
    executor.close();
  }
}

function print(title: string, all: readonly Attempt[], succeeded: readonly boolean[]): void {
  console.log(`\n    ${title}`);
  for (const [index, { what }] of all.entries())
    console.log(`      ${succeeded[index] ? "OPEN  " : "closed"}  ${what}`);
}

function endSleeping(): void {
  for (const { pid } of sleeping()) process.kill(pid, "SIGKILL");
}

describe("a hostile task", function () {
  this.timeout(240_000);
  let world: World | undefined;
  let folder: string;
  before(async () => void (folder = await mkdtemp(join(tmpdir(), "ccsp-hostile-"))));
  after(() => rm(folder, { recursive: true }));
  afterEach(async () => {
    await world?.close();
    world = undefined;
    endSleeping();
  });

  it("reaches nothing of the host, of CCSP or of other runs from its sandbox, and leaves nothing behind", async function () {
    world = await startOpenWorld(folder, "required").catch((error: unknown) => {
      if (/no sandbox for runs/.test(String(error))) skip(this, "this host has no sandbox for runs");
      throw error;
    });
    const all = [...attempts(world, await placeSecrets(world)), ...metadataAttempts, ...kernelAttempts()];
    const needs = [...allowed(world), message(world)];
    const both = await tryAll(world, [...all, ...needs]);
    const succeeded = both.slice(0, all.length);
    print("in a sandbox", all, succeeded);
    assert.deepEqual(
      both.slice(all.length),
      needs.map(() => true),
      "a run cannot do what it may, so the attempts prove nothing",
    );
    assert.deepEqual(
      all.filter((_, index) => succeeded[index]).map(({ what }) => what),
      [],
    );
  });

  it("gets no file of the host, and stops no other task, by what its executor does for it", async function () {
    world = await startOpenWorld(folder, "required").catch((error: unknown) => {
      if (/no sandbox for runs/.test(String(error))) skip(this, "this host has no sandbox for runs");
      throw error;
    });
    const secret = join(world.dataDir, "jwt.secret");
    const { symlink, FIFO } = plants(secret);
    const mallory = world.client("mallory");
    const plant = (script: string) =>
      mallory.run({ prompt: bash(script), permissionMode: "skip", conversation: {} }).result();
    const said = () => world?.simulator.requests.flatMap(({ toolResults }) => toolResults).join("\n") ?? "";

    await plant(symlink);
    assert.match(said(), /planted symlink/, "the attempt proves nothing");
    // What is kept comes into the folder of a next turn.
    const content = await readFile(secret, "utf8");
    assert.ok(!keptConversations(world).some((kept) => kept.includes(content)), "the executor kept the host's file");

    // Each would keep a thread of the executor, and the result of its task with it.
    await Promise.all(Array.from({ length: 3 }, () => plant(FIFO)));
    assert.equal(said().match(/planted FIFO/g)?.length, 3, "the attempt proves nothing");
    const alice = world.client("alice");
    const first = await alice.run({ prompt: "the colour is blue", conversation: {} }).result();
    assert.notEqual(first.conversationId, "");
    await alice.run({ prompt: "which colour?", conversation: { id: first.conversationId } }).result();
    assert.match(world.simulator.requests.at(-1)?.said.join("\n") ?? "", /the colour is blue[^]*which colour\?/);
  });

  it("gets nothing from outside the allowed root, and writes no repository, by a .git and links of its own", async function () {
    const root = await realpath(await mkdtemp(join(folder, "root-")));
    const outside = await realpath(await mkdtemp(join(folder, "outside-")));
    const work = join(root, "work");
    await mkdir(work);
    const victim = join(root, "victim");
    const git = (...args: readonly string[]) =>
      execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", ...args], { encoding: "utf8" });
    for (const [at, says] of [
      [victim, "it is the victim"],
      [outside, "it is outside"],
    ] as const) {
      git("init", "--quiet", at);
      git("-C", at, "commit", "--quiet", "--allow-empty", "--message", says);
      await writeFile(join(at, "note"), says);
    }
    world = await startOpenWorld(folder, "required", root).catch((error: unknown) => {
      if (/no sandbox for runs/.test(String(error))) skip(this, "this host has no sandbox for runs");
      throw error;
    });
    const mallory = world.client("mallory");
    const run = (script: string) =>
      mallory.run({ prompt: bash(script), permissionMode: "skip", workingFolder: work }).result();
    const evil = `export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b.c GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b.c
      git log --format=%s; git commit --allow-empty --message evil; git config core.fsmonitor evil; cat */note
      touch victim/new victim/.git/hooks/evil`;
    for (const named of [outside, victim]) {
      await run(`rm -rf .git; ln -sfn ${outside} out; ln -sfn ../victim victim; echo "gitdir: ${named}/.git" >.git`);
      await run(evil);
    }
    const said = world.simulator.requests.flatMap(({ toolResults }) => toolResults).join("\n");
    assert.match(said, /it is the victim[^]*it is the victim/, "the attempts prove nothing");
    assert.doesNotMatch(said, /it is outside/);
    for (const at of [victim, outside]) {
      assert.doesNotMatch(git("-C", at, "log", "--format=%s"), /evil/);
      assert.doesNotMatch(await readFile(join(at, ".git", "config"), "utf8"), /evil/);
      assert.deepEqual((await readdir(at)).toSorted(), [".git", "note"]);
    }
    assert.ok(!(await readdir(join(victim, ".git", "hooks"))).includes("evil"));
  });

  it("can do all that the executor's user can without a sandbox", async () => {
    world = await startOpenWorld(folder, "off");
    const all = [...attempts(world, await placeSecrets(world)), ...kernelAttempts()];
    const succeeded = await tryAll(world, all);
    print("without a sandbox", all, succeeded);
    const open = all.filter((_, index) => succeeded[index]).map(({ what }) => what);
    for (const what of [
      "read jwt.secret",
      "read certificates/ca.key",
      "read certificates/executor/tls.key",
      "read certificates/operators/ann/tls.key",
      "read redis/passwords.json",
      "read the executor's environment",
      "put a certificate authority of its own beside those of the services",
      "connect to Redis",
      "connect to the queue",
      "find the engine's key in the environment",
      "find the engine's key in a process",
      "find the engine's key in a file",
      "ask another path of the provider",
      "ask the provider with another key",
      "ask the provider without a key",
      "ask another model than that of its task",
      "use keys of the kernel",
      "use io_uring",
      "take a descriptor of another process",
      ...(process.getuid?.() === 0 ? ["change a setting of the machine", "make a user namespace as root"] : []),
    ]) {
      assert.ok(open.includes(what), `${what} failed, so the attempt proves nothing in the sandbox either`);
    }
    assert.ok(
      open.some((what) => what.startsWith("write settings")),
      "the attempt to write settings proves nothing",
    );
    assert.ok(
      open.some((what) => what.startsWith("read a file of another run")),
      "reading another run proves nothing",
    );
  });

  // Without a sandbox, the CLI itself enters its folder by name, again and again.
  it("does not get another task to work outside the allowed roots by swapping its folder", async function () {
    const root = await realpath(await mkdtemp(join(folder, "root-")));
    const outside = await realpath(await mkdtemp(join(folder, "outside-")));
    await mkdir(join(root, "work"));
    await writeFile(join(root, "work", "note"), "it is inside");
    await writeFile(join(outside, "note"), "it is outside");
    await symlink(outside, join(root, "link"));
    world = await startOpenWorld(folder, "required", root).catch((error: unknown) => {
      if (/no sandbox for runs/.test(String(error))) skip(this, "this host has no sandbox for runs");
      throw error;
    });
    const started = await world
      .client("mallory")
      .submit({ prompt: bash(swaps()), permissionMode: "skip", workingFolder: root });
    await eventually(async () => assert.ok((await readdir(root)).includes("begun")), { timeoutMs: 60_000 });
    const victim = world.client("alice");
    const ran = await Promise.allSettled(
      Array.from({ length: 12 }, () =>
        victim
          .run({
            prompt: bash("cat note; echo written >new"),
            permissionMode: "skip",
            workingFolder: join(root, "work"),
          })
          .result(),
      ),
    );
    await writeFile(join(root, "stop"), "");
    await world.client("mallory").cancel(started.id);
    const said = world.simulator.requests.flatMap(({ toolResults }) => toolResults);
    const failures = ran.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : []));
    console.log(
      `    ${said.filter((text) => text.includes("it is inside")).length} inside, ${failures.length} refused`,
    );
    assert.deepEqual(
      said.filter((text) => text.includes("it is outside")),
      [],
    );
    assert.deepEqual(await readdir(outside), ["note"]);
    // It is not a folder where the swap comes between the two looks of one check.
    const refusal = /working_folder: is not (a folder|in a folder that this executor allows)/;
    assert.deepEqual(
      failures.filter((why) => !refusal.test(why)),
      [],
    );
  });
});
