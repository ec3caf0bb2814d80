import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SERVICES, startProcess } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { type LocalFolder, openLocalFolder } from "./local-fleet.js";

const BIN = fileURLToPath(new URL("../bin/ccsp.js", import.meta.url));
/** Twice as many services as usual: on a fast machine, five are ready before the limits of earlier releases. */
const TWO_OF_EACH = SERVICES.map((service) => `${service}=2`);
const UP = ["up", "--ports", "free", "--replicas", ...TWO_OF_EACH, "--detach"];
const PERIOD_US = 100_000;
const [V1, V2] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"];

/** The folder in which a control group with a part of a core can be made, and the file that says the part. */
function groups(): { parent: string; file: string; text: (us: number) => string } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (existsSync(join(V1, "cpu.cfs_quota_us"))) return { parent: V1, file: "cpu.cfs_quota_us", text: String };
  // To give new groups their part, the system must have done so already: this test changes no setting of it.
  const control = join(V2, "cgroup.subtree_control");
  if (!existsSync(control) || !readFileSync(control, "utf8").split(/\s/).includes("cpu")) return undefined;
  return { parent: V2, file: "cpu.max", text: (us) => `${us} ${PERIOD_US}` };
}

describe("ccsp up on a fifth of a core", function () {
  this.timeout(900_000);
  const found = groups();
  let folder: LocalFolder;
  let group: string;
  before(async function () {
    if (found === undefined) {
      console.log("skipped: it needs root, and control groups for processors");
      this.skip();
    }
    folder = await openLocalFolder();
    group = join(found.parent, `ccsp-starved-${process.pid}`);
    await mkdir(group);
    await writeFile(join(group, found.file), found.text(PERIOD_US / 5));
  });
  after(async () => {
    if (found === undefined) return;
    await writeFile(join(group, found.file), found.text(2 * PERIOD_US)); // so that it also ends soon
    await folder.close();
    await eventually(() => rmdir(group), { timeoutMs: 60_000 });
  });

  it("becomes ready, in the background too, however long it takes", async () => {
    const lines: string[] = [];
    const began = performance.now();
    const up = await startProcess({
      name: "ccsp",
      command: "/bin/sh",
      args: ["-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group, process.execPath, BIN, ...UP],
      env: folder.env,
      onLine: (line) => void lines.push(line),
    });
    assert.deepEqual(await up.exited, { code: 0, signal: null }, lines.join("\n"));
    const seconds = Math.round((performance.now() - began) / 1_000);
    console.log(
      `ready after ${seconds} s; the fleet of release 0.2.0 was given up after 60 s, or 90 s in the background`,
    );
    assert.match(lines.join("\n"), /^executor-1 +ready after /m);
    assert.equal((await folder.run("run", "[[text:served]]")).stdout, "served\n");
  });
});
