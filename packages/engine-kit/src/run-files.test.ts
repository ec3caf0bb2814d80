import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileRefused, inFolder, type OpenFolder, openFolder, openTrustedFolder } from "./run-files.js";

const MOST = { mostBytes: 100 };

describe("a folder of a run, as the executor opens it", () => {
  let path: string;
  let run: OpenFolder;
  let secret: string;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), "ccsp-run-files-"));
    await mkdir(join(path, "run"));
    await mkdir(join(path, "host"));
    secret = join(path, "host", "secret");
    await writeFile(secret, "secret");
    const opened = await openFolder(join(path, "run"));
    assert.ok(opened);
    run = opened;
  });
  afterEach(async () => {
    await run.close();
    await rm(path, { recursive: true, force: true });
  });

  const inRun = (...names: string[]) => join(path, "run", ...names);
  const refused = (why: FileRefused["why"]) => (error: unknown) => error instanceof FileRefused && error.why === why;

  it("reads a regular file up to the limit, and none that is larger or missing", async () => {
    await run.create("note", "hello");
    assert.equal(Buffer.from((await run.read("note", { mostBytes: 5 })) ?? []).toString(), "hello");
    assert.equal((await stat(inRun("note"))).mode & 0o777, 0o600);
    await assert.rejects(run.read("note", { mostBytes: 4 }), refused("bytes"));
    assert.equal(await run.read("other", MOST), undefined);
    await assert.rejects(run.read("../host/secret", MOST), /one component/);
  });

  it("reads no link, pipe, socket, device, folder, second link or other user's file in place of a file, and waits for none", async () => {
    await symlink(secret, inRun("link"));
    await symlink("link", inRun("link-to-link"));
    execFileSync("mkfifo", [inRun("pipe")]);
    await mkdir(inRun("folder"));
    await link(secret, inRun("hard"));
    await assert.rejects(run.read("link", MOST), refused("link"));
    await assert.rejects(run.read("link-to-link", MOST), refused("link"));
    // More than Node's four threads for files: if one waited, the rest would not get a turn.
    for (const one of await Promise.allSettled(Array.from({ length: 8 }, () => run.read("pipe", MOST)))) {
      assert.ok(one.status === "rejected" && refused("kind")(one.reason));
    }
    await assert.rejects(run.read("folder", MOST), refused("kind"));
    await assert.rejects(run.read("hard", MOST), refused("links"));
    assert.equal((await run.facts("hard"))?.plain, false);
    assert.equal((await run.facts("link"))?.plain, false);
    await inFolder(openTrustedFolder("/dev"), (dev) => assert.rejects(dev.read("zero", MOST), refused("kind")));
    const [folder, name] = process.geteuid?.() === 0 ? [path, "others"] : ["/etc", "hostname"];
    if (folder === path) await writeFile(join(path, name), "").then(() => chown(join(path, name), 1, 1));
    await inFolder(openTrustedFolder(folder), (opened) => assert.rejects(opened.read(name, MOST), refused("owner")));
  });

  it("reads a file with further links where people share the folder, but still follows no link", async () => {
    await link(secret, inRun("hard"));
    await symlink(secret, inRun("link"));
    assert.equal(String(Buffer.from((await run.read("hard", { ...MOST, shared: true })) ?? [])), "secret");
    await assert.rejects(run.read("link", { ...MOST, shared: true }), refused("link"));
  });

  it("opens no folder through a link, at any component, whether it makes folders or not", async () => {
    await symlink(join(path, "host"), inRun("link"));
    await mkdir(join(path, "host", "deep"));
    for (const names of ["link", "link/deep", "link/new"]) {
      await assert.rejects(run.folder(names), FileRefused);
      await assert.rejects(run.makeFolder(names), FileRefused);
      await assert.rejects(openFolder(inRun(names)), FileRefused);
    }
    assert.deepEqual(await readdir(join(path, "host")), ["deep", "secret"]);
    assert.equal(await run.folder("none/at/all"), undefined);
    assert.equal(await openFolder(inRun("none")), undefined);
    const made = await run.makeFolder("a/b");
    await made.create("file", "here");
    await made.close();
    assert.equal(await readFile(inRun("a", "b", "file"), "utf8"), "here");
  });

  it("follows the operator's links where no run can write", async () => {
    await symlink(join(path, "host"), join(path, "login"));
    const content = await inFolder(openTrustedFolder(join(path, "login")), (login) => login.read("secret", MOST));
    assert.equal(String(Buffer.from(content ?? [])), "secret");
    assert.equal(await openTrustedFolder(join(path, "none")), undefined);
  });

  it("stays the same folder when a link takes its name", async () => {
    const held = await run.makeFolder("conversation");
    await held.create("mine", "mine");
    await rename(inRun("conversation"), inRun("away"));
    await symlink(join(path, "host"), inRun("conversation"));
    assert.deepEqual(await held.list(10), ["mine"]);
    assert.equal(await held.read("secret", MOST), undefined);
    await held.create("new", "new");
    await held.rename("new", "renamed");
    await held.remove("mine");
    await held.close();
    assert.deepEqual(await readdir(inRun("away")), ["renamed"]);
    assert.deepEqual(await readdir(join(path, "host")), ["secret"]);
  });

  it("creates no file where a link, a pipe or a file is, and replaces only the link itself by a rename", async () => {
    await symlink(secret, inRun("link"));
    await symlink(join(path, "host", "new"), inRun("dangling"));
    execFileSync("mkfifo", [inRun("pipe")]);
    for (const name of ["link", "dangling", "pipe"]) await assert.rejects(run.create(name, "x"), { code: "EEXIST" });
    await run.create("draft", "mine");
    await run.rename("draft", "link");
    assert.equal(await readFile(secret, "utf8"), "secret");
    assert.equal(await readFile(inRun("link"), "utf8"), "mine");
    assert.deepEqual(await readdir(join(path, "host")), ["secret"]);
  });

  it("lists no more names than it is asked for", async () => {
    for (const name of ["a", "b", "c"]) await run.create(name, "");
    assert.equal((await run.list(2)).length, 2);
    assert.deepEqual((await run.list(9)).toSorted(), ["a", "b", "c"]);
    assert.deepEqual(await run.list(0), []);
  });

  it("removes links themselves, and folders that are deep, not writable or have names in no encoding", async () => {
    await mkdir(inRun("tree", "closed"), { recursive: true });
    await writeFile(inRun("tree", "closed", "file"), "");
    await symlink(join(path, "host"), inRun("tree", "closed", "link"));
    await writeFile(Buffer.concat([Buffer.from(`${inRun("tree")}/`), Buffer.from([0xff, 0xfe])]), "");
    execFileSync("mkfifo", [inRun("tree", "pipe")]);
    await chmod(inRun("tree", "closed"), 0o000);
    // Longer than a path may be.
    await (await run.makeFolder(["tree", ...Array.from({ length: 40 }, () => "d".repeat(200))].join("/"))).close();
    await run.remove("tree");
    assert.ok(!existsSync(inRun("tree")));
    await symlink(join(path, "host"), inRun("link"));
    await run.remove("link");
    await run.remove("link");
    assert.deepEqual(await readdir(inRun()), []);
    assert.deepEqual(await readdir(join(path, "host")), ["secret"]);
  });

  it("can be given to a child, and leaves no descriptor open", async () => {
    const open = async () => (await readdir("/proc/self/fd")).length;
    const before = await open();
    const entered = execFileSync("pwd", ["-P"], { cwd: `/proc/self/fd/${run.fd}`, encoding: "utf8" });
    assert.equal(entered.trim(), await readlink(`/proc/self/fd/${run.fd}`));
    await symlink("/", inRun("link"));
    for (const name of ["link/etc", "none/etc"]) await run.folder(name).catch(() => {});
    await run.read("link", MOST).catch(() => {});
    await (await run.makeFolder("a/b/c")).close();
    await run.remove("a");
    assert.equal(await open(), before);
  });

  const onLinux = process.platform === "linux" ? it : it.skip;
  onLinux("holds files and folders open for a mount, and says where a link leads, without following it", async () => {
    await mkdir(join(path, "run", "folder"));
    await writeFile(join(path, "run", "file"), "x");
    await symlink(secret, join(path, "run", "link"));
    execFileSync("mkfifo", [join(path, "run", "pipe")]);
    for (const kind of ["file", "folder"] as const) {
      const held = await run.hold(kind);
      assert.ok(held && held.kind === kind);
      await rename(join(path, "run", kind), join(path, "run", `${kind}-moved`));
      assert.equal(await readlink(`/proc/self/fd/${held.fd}`), join(path, "run", `${kind}-moved`));
      await held.close();
    }
    assert.deepEqual(await run.hold("link"), { kind: "link", target: secret });
    assert.deepEqual([await run.hold("pipe"), await run.hold("none")], [undefined, undefined]);
    assert.deepEqual(await run.list(10, "links"), ["link"]);
  });
});
