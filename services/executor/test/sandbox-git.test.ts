import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { skip } from "@ccsp/testkit";
import { pino } from "pino";
import { type OpenedSandbox, openSandbox } from "../src/sandbox/open.js";
import { readAll, type Supervised, supervised } from "./supervised.js";

const PATH = process.env["PATH"] ?? "";

/** Git of the host: no settings of a person or of the system, and a name for commits. */
const GIT = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  ...{ GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b.c", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b.c" },
};
const NAMED = Object.entries(GIT)
  .map(([name, value]) => `export ${name}=${value}`)
  .join("; ");

/** Each run works in a folder of the allowed root `root`. Other folders of the root have what it may need of them. */
describe("around a working folder in a sandbox", function () {
  this.timeout(60_000);
  let dir: string;
  let root: string;
  let outside: string;
  let runs: Supervised;
  let opened: OpenedSandbox;

  before(async function () {
    dir = await realpath(await mkdtemp(join(tmpdir(), "ccsp-sandbox-git-")));
    opened = await openSandbox({
      config: {
        mode: "auto",
        network: "none",
        hosts: [],
        reads: [],
        writes: [],
        bytes: 8_000_000,
        bwrap: "bwrap",
        socat: "socat",
      },
      searchPath: PATH,
      path: "/usr/bin:/bin",
      folder: join(dir, "sandbox"),
      temporary: dir,
      log: pino({ level: "silent" }),
    });
    if (opened.sandbox === undefined || opened.noWorkingFolders !== undefined)
      skip(this, `no sandbox here: ${opened.noWorkingFolders ?? opened.status.reason}`);
    if (!existsSync("/usr/bin/git")) skip(this, "no git here");
  });
  after(() => rm(dir, { recursive: true, force: true }));
  beforeEach(async () => {
    root = await mkdtemp(join(dir, "root-"));
    outside = await mkdtemp(join(dir, "outside-"));
    runs = await supervised();
  });
  afterEach(() => runs.close());

  /** Runs git on the host, and returns what it said. */
  const git = (cwd: string, ...args: readonly string[]): string =>
    execFileSync("/usr/bin/git", ["-c", "protocol.file.allow=always", ...args], {
      cwd,
      env: { ...GIT, PATH: "/usr/bin:/bin", HOME: dir },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });

  /** A repository with two files, one of them in `part`. */
  async function repository(path: string): Promise<string> {
    await mkdir(join(path, "part"), { recursive: true });
    git(path, "init", "--quiet", "--initial-branch", "main");
    await writeFile(join(path, "top"), "top\n");
    await writeFile(join(path, "part", "file"), "first\n");
    git(path, "add", ".");
    git(path, "commit", "--quiet", "--message", "first");
    return path;
  }

  /** Runs a script in a folder of the root. Returns all that it said. */
  const say = async (workingFolder: string, script: string, workingRoot = root): Promise<string> => {
    const { sandbox } = opened;
    const run = await runs.start(`${NAMED}; exec 2>&1; ${script}`, { sandbox, workingFolder, workingRoot });
    const said = await readAll(run);
    const { stderr } = await run.exited;
    return said + stderr;
  };
  const COMMIT = "echo second >part/file && git commit --quiet --all --message second";
  const SUBJECTS = "git log --format=%s";

  it("a worktree is one there too: the repository has what a run commits, stashes and rebases", async () => {
    const main = await repository(join(root, "main"));
    const tree = join(root, "trees", "one");
    git(main, "worktree", "add", "--quiet", "-b", "one", tree);
    const more =
      "echo third >top; git stash --quiet; git rebase --quiet main; git stash pop --quiet; git status --short";
    assert.equal(await say(tree, `git status --short; ${COMMIT}; ${SUBJECTS}; ${more}`), "second\nfirst\n M top\n");
    assert.equal(git(main, "log", "--format=%s", "one"), "second\nfirst\n");
    // The run does not see the files of the main checkout.
    assert.equal(await say(tree, `ls -A ${main}`), ".git\n");
  });

  it("a submodule is one there too: its repository has what a run commits", async () => {
    await repository(join(root, "library"));
    const main = await repository(join(root, "main"));
    git(main, "submodule", "--quiet", "add", join(root, "library"), "sub");
    const sub = join(main, "sub");
    assert.equal(await say(sub, `git status --short; ${COMMIT}; ${SUBJECTS}`), "second\nfirst\n");
    assert.equal(git(sub, "log", "--format=%s"), "second\nfirst\n");
  });

  it("the repository is there to read: a run in a part of it sees its history and changes, and can change only the part", async () => {
    for (const [what, place] of [
      ["main checkout", "main"],
      ["worktree", "tree"],
    ] as const) {
      const main = await repository(join(root, what, "main"));
      git(main, "worktree", "add", "--quiet", "-b", "one", join(root, what, "tree"));
      const top = join(root, what, place);
      await mkdir(join(top, "part", "inner"));
      await writeFile(join(top, "part", "inner", "file"), "");
      await symlink("top", join(top, "linked"));
      git(top, "add", ".");
      git(top, "commit", "--quiet", "--message", "more");
      const part = join(top, "part", "inner");
      const reads = `git status --short; echo new >file; git diff --name-only; ${SUBJECTS}; cat ../../linked`;
      assert.equal(await say(part, reads), "part/inner/file\nmore\nfirst\ntop\n", what);
      const changes = "touch ../../top ../file; echo >../new; git add file";
      assert.deepEqual((await say(part, changes)).match(/Read-only file system/g)?.length, 3, what);
      // Above the folder, a new file is in memory at most.
      assert.equal(git(top, "status", "--short"), " M part/inner/file\n", what);
    }
  });

  it("nothing is there, and the run goes on, where a task made names and settings that nobody can open or read soon", async () => {
    const work = join(root, "work");
    await mkdir(join(work, "e", "refs"), { recursive: true });
    await mkdir(join(work, "e", "objects"));
    await writeFile(join(work, "e", "HEAD"), "");
    // One pattern for all of this text would look at it for half a minute.
    await writeFile(join(work, "e", "config"), `[core]\n${"\n".repeat(65_000)}`);
    const long = "a".repeat(300);
    for (const named of ["e", "a\0b", long]) {
      await writeFile(join(work, ".git"), `gitdir: ${named}`);
      assert.equal(await say(work, "echo on"), "on\n", named.slice(0, 3));
    }
    await rm(join(work, ".git"));
    await symlink(`../${long}`, join(work, "link"));
    assert.equal(await say(work, "echo on"), "on\n");
    const deep = join(root, ...Array.from({ length: 80 }, () => "d"));
    await mkdir(deep, { recursive: true });
    assert.equal(await say(deep, "echo on"), "on\n");
    const closed = join(root, "closed", "part");
    await mkdir(closed, { recursive: true });
    git(join(root, "closed"), "init", "--quiet");
    await chmod(join(root, "closed"), 0o111);
    assert.equal(await say(closed, "echo on"), "on\n");
  });

  it("what a link in the folder leads to in the allowed root is there to read", async () => {
    const work = join(root, "work");
    await mkdir(work);
    await mkdir(join(root, "sibling", "deep"), { recursive: true });
    for (const file of ["sibling/deep/file", "alone"]) await writeFile(join(root, file), `${file}\n`);
    await symlink("../sibling", join(work, "relative"));
    await symlink(join(root, "sibling", "deep"), join(work, "absolute"));
    await symlink("../alone", join(work, "file"));
    assert.equal(
      await say(work, "cat relative/deep/file absolute/file file; touch relative/new; ls -A ..", root),
      `sibling/deep/file\nsibling/deep/file\nalone\ntouch: cannot touch 'relative/new': Read-only file system\nalone\nsibling\nwork\n`,
    );
  });

  it("there is nothing else, neither through links nor without an allowed root", async () => {
    const work = join(root, "work");
    await mkdir(work);
    await mkdir(join(root, "sibling"));
    await writeFile(join(outside, "secret"), "secret");
    await symlink(outside, join(root, "to-outside"));
    const links = {
      a: outside,
      b: join(outside, "secret"),
      c: "../to-outside",
      d: "../to-outside/secret",
      e: "..",
      f: "../../../..",
    };
    for (const [name, target] of Object.entries({ ...links, g: "/etc/shadow", h: "../work", i: "./i" }))
      await symlink(target, join(work, name));
    assert.equal(await say(work, "cat b d g */secret 2>/dev/null; ls -A .. e"), "..:\nwork\n\ne:\nwork\n");
    await symlink("../sibling", join(work, "j"));
    assert.match(await say(work, "ls j/", ""), /No such file/);
  });

  describe("is nothing by `.git` that a task wrote", () => {
    let work: string;
    let victim: string;
    beforeEach(async () => {
      work = join(root, "work");
      await mkdir(work);
      victim = await repository(join(root, "victim"));
    });

    const WRITES = "git config x.y z; git commit --quiet --allow-empty --message evil; touch ../victim/.git/hooks/evil";

    it("if it leads out of the allowed root, also through a link", async () => {
      const other = await repository(join(outside, "other"));
      await symlink(outside, join(root, "link"));
      for (const path of [join(other, ".git"), "../../" + relative(dir, join(other, ".git")), "../link/other/.git"]) {
        await writeFile(join(work, ".git"), `gitdir: ${path}\n`);
        assert.match(await say(work, `${SUBJECTS}; ls -A ..`), /^fatal: not a git repository: .*\nwork\n$/s, path);
      }
      await rm(join(work, ".git"));
      await symlink(join(other, ".git"), join(work, ".git"));
      assert.match(await say(work, SUBJECTS), /^fatal: not a git repository/);
    });

    it("if it leads to a folder that is not one of git, or to the folder around it", async () => {
      for (const path of ["../victim", "../victim/part", "..", "/", ".", `${root}/victim/.git/HEAD`]) {
        await writeFile(join(work, ".git"), `gitdir: ${path}\n`);
        assert.equal(await say(work, "ls -A .."), "work\n", path);
      }
    });

    it("if it brings a folder of its own that leads to another repository", async () => {
      await mkdir(join(work, "own"));
      for (const [name, text] of [
        ["HEAD", "ref: refs/heads/main\n"],
        ["commondir", "../../victim/.git\n"],
      ] as const)
        await writeFile(join(work, "own", name), text);
      await writeFile(join(work, ".git"), "gitdir: own\n");
      assert.match(await say(work, `${SUBJECTS}; ls -A ..`), /\nwork\n$/);
    });

    it("but to read, if it leads to a repository that does not know the folder", async () => {
      git(victim, "worktree", "add", "--quiet", "-b", "other", join(root, "other"));
      for (const path of ["../victim/.git", "../victim/.git/worktrees/other"]) {
        await writeFile(join(work, ".git"), `gitdir: ${path}\n`);
        const said = await say(work, `${SUBJECTS}; ${WRITES}`);
        assert.match(said, /^first\n/);
        assert.equal(said.match(/Read-only file system/g)?.length, 3, said);
      }
      assert.equal(existsSync(join(victim, ".git", "hooks", "evil")), false);
    });

    it("and nothing of the root, if somebody swaps a folder above for a link when the run starts", async () => {
      const part = join(victim, "part");
      const other = await repository(join(outside, "other"));
      await writeFile(join(other, "secret"), "secret");
      const { sandbox } = opened;
      const prepare = async () => {
        await rename(victim, join(root, "moved"));
        await symlink(other, victim);
      };
      const script = "exec 2>&1; cat file ../secret; ls -A ..";
      const run = await runs.start(script, { sandbox, workingFolder: part, workingRoot: root, prepare });
      assert.match(await readAll(run), /^first\ncat: \.\.\/secret: No such file or directory\npart\n$/);
    });
  });

  it("no pipe and no socket of the repository is there, and no repository with very many entries", async () => {
    const main = await repository(join(root, "main"));
    execFileSync("mkfifo", [join(main, "pipe")]);
    const server = createServer().listen(join(main, "socket"));
    try {
      const part = join(main, "part");
      assert.equal(await say(part, "ls -A .."), ".git\npart\ntop\n");
      for (let i = 0; i < 256; i++) await writeFile(join(main, `more-${i}`), "");
      assert.equal(await say(part, "ls -A ..; cat file"), "part\nfirst\n");
    } finally {
      server.close();
    }
  });
});
