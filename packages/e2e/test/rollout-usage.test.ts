import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createCcspClient } from "@ccsp/client";
import { freePort, SERVICES } from "@ccsp/fleet";
import { readArguments, Usage } from "@ccsp/rollout/arguments.js";
import type { Installation } from "@ccsp/rollout/installation.js";
import { restartAll, upgradeAll } from "@ccsp/rollout/roll.js";

const DEPLOY = fileURLToPath(new URL("../../../deploy/", import.meta.url));
const CLUSTER = { KUBECONFIG: "config", CCSP_GATEWAY: "gateway:3000", CCSP_TOKEN: "token" };

describe("the arguments of deploy/rolling-restart.sh and deploy/upgrade.sh", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-usage-"));
    await writeFile(join(folder, "ca.pem"), "");
  });
  after(() => rm(folder, { recursive: true }));

  const refused = (line: string, env: Record<string, string>, message: RegExp) =>
    assert.throws(
      () => readArguments(line.split(" "), env),
      (error: Error) => error instanceof Usage && message.test(error.message),
      line,
    );

  it("are refused by name where they are wrong", () => {
    refused("restart --fast", CLUSTER, /--fast/);
    refused("restart --gateway", CLUSTER, /--gateway/);
    refused("restart 0.3.0", CLUSTER, /only options, not 0\.3\.0/);
    refused("upgrade", CLUSTER, /name one RELEASE/);
    refused("upgrade 0.3.0 0.4.0", CLUSTER, /name one RELEASE/);
    refused("upgrade registry:5000/image", CLUSTER, /RELEASE is the tag of an image.*"registry:5000\/image"/);
    refused("restart --gateway gateway", CLUSTER, /--gateway is HOST:PORT, not "gateway"/);
    refused("restart --gateway http://gateway:3000", CLUSTER, /--gateway is HOST:PORT/);
    refused(`restart --ca-file ${folder}/none.pem`, CLUSTER, /--ca-file cannot be read: .*none\.pem/);
    refused("restart --local --runs", {}, /--runs is for a cluster/);
    refused("restart --local --gateway gateway:3000", {}, /--gateway is for a cluster/);
    refused(`upgrade ${folder} --local`, {}, /RELEASE .* has no services\/gateway\/dist\/main\.js: build it first/);
  });

  it("are refused where a setting of the environment is missing", () => {
    for (const [name, message] of [
      ["KUBECONFIG", /set KUBECONFIG, or use --local/],
      ["CCSP_GATEWAY", /--gateway HOST:PORT \(or CCSP_GATEWAY\)/],
      ["CCSP_TOKEN", /CCSP_TOKEN/],
    ] as const) {
      refused("restart", { ...CLUSTER, [name]: "" }, message);
    }
  });

  it("name a cluster, or a built release and a fleet of this machine", async () => {
    const asked = readArguments(["upgrade", "0.3.0", "--runs", "--ca-file", `${folder}/ca.pem`], CLUSTER);
    const cluster = { gateway: "gateway:3000", token: "token", caFile: join(folder, "ca.pem"), runsTasks: true };
    assert.deepEqual(asked, { release: "0.3.0", cluster });

    const release = join(folder, "next");
    for (const name of SERVICES) {
      await mkdir(join(release, "services", name, "dist"), { recursive: true });
      await writeFile(join(release, "services", name, "dist", "main.js"), "");
    }
    // The variables are for a cluster, and may be set for other commands.
    assert.deepEqual(readArguments(["upgrade", "--local", release], CLUSTER), { release, cluster: undefined });
    assert.deepEqual(readArguments(["restart", "--local"], {}), { release: undefined, cluster: undefined });
  });

  it("end both scripts with 2 where they are wrong, and their paths are seen from where the command was typed", async function () {
    this.timeout(60_000);
    const upgraded = await runScript("upgrade.sh", ["next-but-one", "--local"], folder);
    assert.equal(upgraded.code, 2, upgraded.stderr);
    assert.ok(upgraded.stderr.startsWith(`RELEASE ${join(folder, "next-but-one")} has no `), upgraded.stderr);
    assert.equal((await runScript("rolling-restart.sh", ["--local", "--fast"], folder)).code, 2);
    assert.equal((await runScript("upgrade.sh", [], folder)).code, 2);
  });
});

describe("a rollout whose callers cannot reach the gateway", () => {
  it("changes nothing, and says what their calls got", async function () {
    this.timeout(60_000);
    const changed: string[] = [];
    const change = async (service: string): Promise<void> => void changed.push(service);
    const client = createCcspClient({ target: `127.0.0.1:${await freePort()}`, token: "token", connectMs: 1 });
    const installation: Installation = {
      client,
      runsTasks: false,
      restart: change,
      upgrade: change,
      rollBack: change,
      close: async () => client.close(),
    };
    const said: string[] = [];
    try {
      const nothing = /^Error: nothing was changed: calls fail already: submit: /;
      await assert.rejects(
        restartAll(installation, (line) => void said.push(line)),
        nothing,
      );
      await assert.rejects(
        upgradeAll(installation, "0.3.0", (line) => void said.push(line)),
        nothing,
      );
    } finally {
      await installation.close();
    }
    assert.deepEqual(changed, []);
  });
});

function runScript(name: string, args: readonly string[], cwd: string): Promise<{ code: unknown; stderr: string }> {
  return new Promise((resolve) => {
    execFile(join(DEPLOY, name), args, { cwd, env: { PATH: process.env["PATH"] } }, (error, _stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stderr }),
    );
  });
}
