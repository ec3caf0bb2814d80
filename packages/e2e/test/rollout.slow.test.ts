import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startWorld } from "@ccsp/e2e-kit/world.js";
import { readEvents } from "@ccsp/events";
import { SERVICES, type ServiceName } from "@ccsp/fleet";
import { openCluster } from "@ccsp/rollout/cluster.js";
import type { Installation } from "@ccsp/rollout/installation.js";
import { openLocal } from "@ccsp/rollout/local.js";
import { restartAll, upgradeAll } from "@ccsp/rollout/roll.js";
import { Redis } from "ioredis";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Makes a release: this repository, with another program in place of some services, and without bundles as 0.3.0. */
async function makeRelease(folder: string, programs: Partial<Record<ServiceName, string>>): Promise<string> {
  await mkdir(join(folder, "services"), { recursive: true });
  for (const name of await readdir(ROOT)) {
    if (name !== "services" && name !== ".tools") await symlink(join(ROOT, name), join(folder, name));
  }
  for (const name of SERVICES) {
    const program = programs[name];
    if (program === undefined) {
      await symlink(join(ROOT, "services", name), join(folder, "services", name));
    } else {
      await mkdir(join(folder, "services", name, "dist"), { recursive: true });
      await writeFile(join(folder, "services", name, "package.json"), '{ "type": "module" }');
      await writeFile(join(folder, "services", name, "dist", "main.js"), program);
    }
  }
  return folder;
}

const mainOf = (name: ServiceName): string => JSON.stringify(join(ROOT, "services", name, "dist", "main.js"));

describe("deploy/rolling-restart.sh and deploy/upgrade.sh, on a fleet with two replicas of each service", function () {
  this.timeout(900_000);
  let folder: string;
  let installation: Installation;
  let redis: Redis;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-releases-"));
    const { world, http = assert.fail(), ...local } = await openLocal();
    redis = new Redis(world.fleet.redis.url);
    installation = { ...local, http: { ...http, published } };
  });
  after(async () => {
    redis.disconnect();
    await installation.close();
    await rm(folder, { recursive: true });
  });
  afterEach(() => {
    said.length = 0;
  });
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);

  /** The fleet has one partition. */
  async function published(): Promise<readonly string[]> {
    const entries = await readEvents(redis, 0, { after: "0-0", count: 1_000_000 });
    return entries.flatMap(({ event }) =>
      event?.data?.$case.startsWith("task") ? [`${event.taskId} ${event.id}`] : [],
    );
  }

  it("restart every service under load: no call of SDK or REST fails, and the WebSocket loses no event", async () => {
    assert.equal(await restartAll(installation, say), 0, said.join("\n"));
    assert.match(said.at(-1) ?? "", /^failed calls: 0 of [1-9]\d\d+$/);
    const [, resumes = 0] =
      /^the WebSocket resumed (\d+) times and got [1-9]\d\d+ events$/m.exec(said.join("\n")) ?? [];
    // The reader is at one of the two gateways, which are replaced one after the other.
    assert.ok(Number(resumes) >= 1, said.join("\n"));
  });

  it("go back by themselves from a release whose queue does not start, and no call fails", async () => {
    const broken = await makeRelease(join(folder, "ends"), { queue: "process.exit(1);" });
    assert.equal(await upgradeAll(installation, broken, say), false, said.join("\n"));
    assert.match(
      said.join("\n"),
      /^queue: .*\nqueue: rolled back in .* s\nthe WebSocket resumed \d+ times and got \d+ events\nfailed calls: 0 of \d+$/m,
    );
  });

  it("go back by themselves from a release whose queue refuses its settings, which no fleet starts again", async () => {
    const broken = await makeRelease(join(folder, "refuses-settings"), { queue: "process.exit(2);" });
    assert.equal(await upgradeAll(installation, broken, say), false, said.join("\n"));
    assert.match(
      said.join("\n"),
      /^queue: queue-1 ended: .*\nqueue: rolled back in .* s\nthe WebSocket resumed \d+ times and got \d+ events\nfailed calls: 0 of \d+$/m,
    );
  });

  it("go back by themselves from a release that is ready and cannot do its work", async () => {
    const program = `process.env.CCSP_QUEUE_TARGET = "static:///127.0.0.1:1"; await import(${mainOf("gateway")});`;
    const broken = await makeRelease(join(folder, "refuses"), { gateway: program });
    assert.equal(await upgradeAll(installation, broken, say), false, said.join("\n"));
    assert.match(said.join("\n"), /^gateway: .*(calls (fail|hang)|it waits for queue).*\ngateway: rolled back in /m);
    const { id } = await installation.client.submit({ prompt: "after it" });
    assert.equal((await installation.client.get(id)).id, id);
  });

  it("go to a release that works, with every replica", async () => {
    const mark = JSON.stringify(join(folder, "started"));
    const programs = Object.fromEntries(
      SERVICES.map((name) => [
        name,
        `import { appendFileSync } from "node:fs"; appendFileSync(${mark}, "${name}\\n"); await import(${mainOf(name)});`,
      ]),
    );
    const release = await makeRelease(join(folder, "works"), programs);
    assert.equal(await upgradeAll(installation, release, say), true, said.join("\n"));
    const started = (await readFile(join(folder, "started"), "utf8")).trim().split("\n");
    assert.deepEqual(started.toSorted(), SERVICES.flatMap((name) => [name, name]).toSorted());
  });
});

/** There is no cluster here. This stands for its API: it lists the workloads, and refuses one image for one workload. */
const KUBECTL = `#!/bin/sh
echo "$*" >>"$0.log"
list() {
  printf '{"items":[{"kind":"%s","metadata":{"name":"%s","namespace":"%s"},' "$1" "$2" "$3"
  printf '"spec":{"replicas":1,"template":{"spec":{"containers":[{"name":"service","image":"%s"}]}}}}]}' "$4"
}
case "$*" in
"get pod "*) echo '{"items":[]}' ;;
*name=executor*) list StatefulSet executor ccsp-executors registry:5000/ccsp-executorservice:0.2.0@sha256:12 ;;
get*) name=\${5##*name=}; list Deployment "$name" ccsp "registry:5000/ccsp-\${name}service:0.2.0" ;;
*gatewayservice:0.3.0*) touch "$0.broken" ;;
*gatewayservice:0.2.0*) rm "$0.broken" ;;
"rollout status Deployment/gateway"*) if [ -e "$0.broken" ]; then echo "error: timed out waiting for the condition" >&2; exit 1; fi ;;
esac
`;

describe("deploy/upgrade.sh in a cluster", function () {
  this.timeout(180_000);
  const undo: (() => Promise<unknown> | void)[] = [];
  after(async () => {
    for (const each of undo.toReversed()) await each();
  });

  it("sets the images of each workload, waits for its rollout, and sets back what it has changed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ccsp-kubectl-"));
    undo.push(() => rm(folder, { recursive: true }));
    const kubectl = join(folder, "kubectl");
    await writeFile(kubectl, KUBECTL);
    await chmod(kubectl, 0o700);
    const path = process.env["PATH"];
    process.env["PATH"] = `${folder}:${path}`;
    undo.push(() => void (process.env["PATH"] = path));
    const world = await startWorld({ engine: "scripted" });
    undo.push(() => world.close());
    const cluster = openCluster({
      gateway: world.fleet.gatewayAddress,
      token: await world.token("rollout"),
      caFile: undefined,
      runsTasks: false,
    });
    undo.push(() => cluster.close());

    const said: string[] = [];
    assert.equal(await upgradeAll(cluster, "0.3.0", (line) => void said.push(line)), false);
    assert.match(said.join("\n"), /^gateway: kubectl rollout status: error: timed out waiting for the condition$/m);
    assert.match(said.at(-1) ?? "", /^failed calls: 0 of \d+$/);
    const calls = (await readFile(`${kubectl}.log`, "utf8")).trim().split("\n");
    const image = (workload: string, tag: string, namespace = "ccsp") =>
      `set image ${workload} service=registry:5000/ccsp-${workload.split("/")[1]}service:${tag} --namespace ${namespace}`;
    assert.deepEqual(
      calls.filter((call) => call.startsWith("set image")),
      [
        image("Deployment/queue", "0.3.0"),
        image("StatefulSet/executor", "0.3.0", "ccsp-executors"),
        image("Deployment/gateway", "0.3.0"),
        image("Deployment/gateway", "0.2.0"),
        image("StatefulSet/executor", "0.2.0@sha256:12", "ccsp-executors"),
        image("Deployment/queue", "0.2.0"),
      ],
    );
  });
});
