import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { skip } from "@ccsp/testkit";

const DEPLOY = fileURLToPath(new URL("../../../deploy", import.meta.url));

/** Succeeds like npm without a network: npm leaves out an optional package that it cannot fetch. */
const OFFLINE = "#!/bin/sh\n";
const BIN = `.tools/node22/node_modules/node-linux-${process.arch}/bin`;
const ONLINE = `#!/bin/sh\nmkdir -p ${BIN} && touch ${BIN}/node\n`;

describe("The set-up of a machine", () => {
  let folder: string;
  before(function () {
    if (process.platform !== "linux") skip(this, "npm has Node 22 for Linux only");
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ccsp-setup-"));
    cpSync(DEPLOY, join(folder, "deploy"), { recursive: true });
    mkdirSync(join(folder, "bin"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const setUpWith = (npm: string, caches: Readonly<Record<string, string>> = {}) => {
    writeFileSync(join(folder, "bin", "npm"), npm);
    chmodSync(join(folder, "bin", "npm"), 0o755);
    const PATH = [join(folder, "bin"), process.env["PATH"]].join(delimiter);
    const env = { PATH, HOME: folder, ...caches };
    return spawnSync(join(folder, "deploy/setup.sh"), ["node22"], { env, encoding: "utf8" });
  };

  it("says that npm could not install a program, and tries again the next time", () => {
    const failed = setUpWith(OFFLINE);
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /still missing.*\n +- Node 22\n +npm could not install it: check the network/);
    assert.equal(setUpWith(ONLINE).status, 0);
  });

  it("does not ask npm again for a program that is there", () => {
    setUpWith(ONLINE);
    assert.equal(setUpWith("#!/bin/sh\nexit 1\n").status, 0);
  });

  it("keeps the downloads of npm and pnpm below this folder, unless the environment names another place", () => {
    const npm =
      '#!/bin/sh\nprintf "%s\\n" "$npm_config_cache" "$XDG_DATA_HOME" "$XDG_CACHE_HOME" "$XDG_STATE_HOME" >places\n';
    const places = (caches?: Readonly<Record<string, string>>) => {
      setUpWith(npm, caches);
      return readFileSync(join(folder, "places"), "utf8").trim().split("\n");
    };
    const tools = (name: string) => join(folder, ".tools", name);
    assert.deepEqual(places(), [tools("cache/npm"), tools("share"), tools("cache"), tools("state")]);
    const own = { NPM_CONFIG_CACHE: "/a", XDG_DATA_HOME: "/b", XDG_CACHE_HOME: "/c", XDG_STATE_HOME: "/d" };
    assert.deepEqual(places(own), ["/a", "/b", "/c", "/d"]);
  });
});
