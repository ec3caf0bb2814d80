import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { blocksOf, ROOT } from "@ccsp/docs-generator/blocks.js";
import { skip } from "@ccsp/testkit";

const PROVE = fileURLToPath(new URL("../bare-debian/prove.sh", import.meta.url));
const MINUTES = 60_000;
/** The exit code of prove.sh on a machine that cannot make such a root. */
const CANNOT = 77;

const CLONE = 'cd "/srv/my projects"\ngit clone -q /srv/ccsp.git ccsp\ncd ccsp\n';
const ENTER = 'cd "/srv/my projects/ccsp"\n';
/** The reader has a repository beside the one of CCSP. */
const OWN = 'mkdir -p "/srv/my projects/my-repository"\necho "# Mine" >"/srv/my projects/my-repository/README.md"\n';
/** For `find`: the repository, the place that it was cloned from, and an empty folder that Consul 1.8 makes. */
const OURS = ["/srv/ccsp.git*", "/srv/my projects*", "/tmp/consul-test"]
  .map((path) => `-not -path '${path}'`)
  .join(" ");
const SHOWS_ITSELF = "set -x\n";

describe("the README on a minimal Debian", function () {
  this.timeout(15 * MINUTES);
  let work: string;
  before(async () => {
    work = await mkdtemp(join(tmpdir(), "ccsp-bare-"));
  });
  after(() => rm(work, { recursive: true, force: true }));

  it("is all that an unprivileged user needs: a path with a space, a read-only home, no network after set-up, no Consul", async function () {
    const bare = blocksOf("README.md").flatMap((block) =>
      block.mark?.kind === "run-bare" ? [{ text: block.text, asRoot: block.mark.asRoot }] : [],
    );
    const asRoot = bare.filter((block) => block.asRoot).map((block) => block.text);
    const [setUp = "", ...rest] = bare.filter((block) => !block.asRoot).map((block) => block.text);
    assert.match(setUp, /^make demo/);
    assert.ok(asRoot.length === 1 && rest.length > 0, "the README's commands were not found");
    const session = `${rest.join("")}ccsp down\n`;
    await mkdir(join(work, "steps"));
    await writeFile(join(work, "as-root"), asRoot.join(""));
    const steps = {
      "1-clone-and-first-command.online": CLONE + SHOWS_ITSELF + setUp,
      "2-first-command-offline": ENTER + SHOWS_ITSELF + setUp,
      "3-first-run-offline": OWN + ENTER + SHOWS_ITSELF + session,
      "4-first-run-without-consul": `${ENTER}export CCSP_WITHOUT_CONSUL=1\n${SHOWS_ITSELF}${session}`,
      "5-nothing-is-left-elsewhere": `left=$(find /tmp /var/tmp /srv -mindepth 1 -user ada ${OURS})\nprintf '%s\\n' "$left"\ntest -z "$left"\n`,
    };
    for (const [name, script] of Object.entries(steps)) await writeFile(join(work, "steps", `${name}.sh`), script);

    const proof = spawn(PROVE, [work, ROOT], { stdio: ["ignore", "pipe", "inherit"] });
    const [output, code] = await Promise.all([text(proof.stdout), new Promise((done) => proof.once("exit", done))]);
    if (code === CANNOT) skip(this, output.trim());
    console.log(output.replaceAll(/^/gm, "      "));
    assert.equal(code, 0, output);
    for (const name of Object.keys(steps)) assert.ok(output.includes(`step ${name.replace(".online", "")}`), name);
  });
});
