import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createCcspClient } from "@ccsp/client";
import { readPage } from "@ccsp/docs-generator/blocks.js";
import { freePort, SERVICES } from "@ccsp/fleet";
import { readArguments, Usage } from "@ccsp/rollout/arguments.js";
import { type Kubectl, openCluster } from "@ccsp/rollout/cluster.js";
import type { Installation } from "@ccsp/rollout/installation.js";
import { restartAll, upgradeAll } from "@ccsp/rollout/roll.js";
import { imageFor } from "@ccsp/rollout/workload.js";
import { parseAllDocuments } from "yaml";

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

describe("an upgrade in a cluster", () => {
  /** The executor of k8s/base with an image, and what kubectl was asked. `stuck`: its new pods end at once. */
  function fakeCluster(image: string, { stuck = false } = {}) {
    const [executor] = parseAllDocuments(readPage("k8s/base/executor/executor.yaml")).map((each) => each.toJS());
    executor.metadata.namespace = "ccsp-executors";
    executor.spec.template.spec.containers[0].image = image;
    const asked: string[] = [];
    const old = { metadata: { name: "executor-0", uid: "old" } };
    const waiting = { reason: "CrashLoopBackOff", message: "back-off 40s restarting failed container" };
    const crashed = {
      metadata: { name: "executor-1", uid: "new" },
      status: { containerStatuses: [{ name: "service", restartCount: 3, state: { waiting } }] },
    };
    let changed = false;
    const kubectl: Kubectl = async (args, signal) => {
      if (args[0] === "get" && args[1] === "pod")
        return JSON.stringify({ items: changed && stuck ? [old, crashed] : [old] });
      if (args[0] === "get") return JSON.stringify({ items: [executor] });
      asked.push(args.join(" "));
      if (args[0] === "set") changed = args.includes("service=registry:5000/ccsp-executorservice:0.4.0-engines");
      // A pod that crashes keeps the rollout waiting until its time-out.
      if (args[0] === "rollout" && changed && stuck && signal !== undefined) await once(signal, "abort");
      return "";
    };
    return {
      asked,
      installation: openCluster({ gateway: "127.0.0.1:1", token: "t", caFile: undefined, runsTasks: false }, kubectl),
    };
  }
  const status = (seconds: number) =>
    `rollout status StatefulSet/executor --namespace ccsp-executors --timeout=${seconds}s`;
  const setImage = (tag: string) =>
    `set image StatefulSet/executor service=registry:5000/ccsp-executorservice:${tag} --namespace ccsp-executors`;

  it("keeps the engines in the image, and waits as long as both executors may need to end their runs", async () => {
    const { asked, installation } = fakeCluster("registry:5000/ccsp-executorservice:0.3.0-engines@sha256:ab");
    await installation.upgrade("executor", "0.4.0");
    // For each of two: 1010 s to stop, 120 s to start, 5 s to stay ready, 120 s for its image.
    assert.deepEqual(asked, [setImage("0.4.0-engines"), status(2510)]);
    await installation.close();
    const images = ["ccsp-queueservice", "r:5000/q:0.3.0", "r:5000/q@sha256:ab"].map((image) =>
      imageFor(image, "0.4.0"),
    );
    assert.deepEqual(images, ["ccsp-queueservice:0.4.0", "r:5000/q:0.4.0", "r:5000/q:0.4.0"]);
    assert.equal(imageFor("q:0.3.0-engines", "0.4.0-engines"), "q:0.4.0-engines");
  });

  it("ends when a new pod crashes again and again, without its time-out, and says which", async () => {
    const { asked, installation } = fakeCluster("registry:5000/ccsp-executorservice:0.3.0-engines", { stuck: true });
    await assert.rejects(
      installation.upgrade("executor", "0.4.0"),
      /^Error: executor-1 does not start: CrashLoopBackOff back-off 40s/,
    );
    await installation.rollBack("executor");
    assert.deepEqual(asked.slice(2), [setImage("0.3.0-engines"), status(2510)]);
    await installation.close();
  });
});

function runScript(name: string, args: readonly string[], cwd: string): Promise<{ code: unknown; stderr: string }> {
  return new Promise((resolve) => {
    execFile(join(DEPLOY, name), args, { cwd, env: { PATH: process.env["PATH"] } }, (error, _stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stderr }),
    );
  });
}
