import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { loadDefinitions } from "@ccsp/cli";
import { describeSettings, type Env, load, parseDuration } from "@ccsp/config";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { DEFAULT_PORTS, SERVICES, type ServiceName, USE_REDIS } from "@ccsp/fleet";
import { findProgram } from "@ccsp/k8s-checks/build.js";
import { skip } from "@ccsp/testkit";
import { parse } from "yaml";

const DEPLOY = join(ROOT, "deploy");
const read = (path: string) => readFileSync(join(DEPLOY, path), "utf8");

interface Mount {
  readonly type: "volume";
  readonly source: string;
  readonly target: string;
  readonly volume?: { readonly subpath: string };
}

interface Container {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly (string | Mount)[];
  readonly secrets?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly stop_grace_period?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly logging?: { readonly options?: Readonly<Record<string, string>> };
  readonly mem_limit?: string;
  readonly pids_limit?: string;
}

interface Compose {
  readonly services: Readonly<Record<string, Container>>;
  readonly volumes: Readonly<Record<string, null>>;
}

/** `docker compose config` reads the same file, and refuses what the format does not have. */
const compose: Compose = parse(read("compose.yaml"), { merge: true });
const containerOf = (name: ServiceName): Container => {
  const found = compose.services[name];
  assert.ok(found, `compose.yaml has no ${name}`);
  return found;
};

/** The variables that an image sets, from the target of the Dockerfile. */
function imageEnvironment(service: ServiceName): Record<string, string> {
  const [, stage = ""] = read("docker/Dockerfile").split(`AS ccsp-${service}service\n`);
  const [lines = ""] = stage.split("\nFROM ");
  return Object.fromEntries([...lines.matchAll(/(CCSP_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));
}

describe("The images", () => {
  it("listen on the ports of the services, where every health check and manifest looks for them", () => {
    for (const service of SERVICES) {
      const { grpc, ops, http } = DEFAULT_PORTS[service];
      const prefix = `CCSP_${service.toUpperCase()}`;
      const {
        [`${prefix}_LISTEN`]: a,
        [`${prefix}_OPS_LISTEN`]: b,
        [`${prefix}_HTTP_LISTEN`]: c,
      } = imageEnvironment(service);
      assert.deepEqual([a, b, c], [`0.0.0.0:${grpc}`, `0.0.0.0:${ops}`, http && `0.0.0.0:${http}`], service);
    }
  });

  it("have a health check that asks the ops port, and needs no Node for it", async () => {
    let status = 200;
    const server = createServer(({ url }, response) => {
      response.writeHead(url === "/ready" ? status : 404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const isReady = (listen: string): Promise<boolean> =>
      promisify(execFile)(join(DEPLOY, "docker/is-ready.sh"), {
        env: { PATH: "/bin", CCSP_QUEUE_LISTEN: "0.0.0.0:1", CCSP_QUEUE_OPS_LISTEN: listen },
      }).then(
        () => true,
        () => false,
      );
    try {
      assert.equal(await isReady(`0.0.0.0:${port}`), true);
      status = 503;
      assert.equal(await isReady(`0.0.0.0:${port}`), false);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    assert.equal(await isReady(`0.0.0.0:${port}`), false);
  });

  it("for executors, allow bubblewrap its system calls, and nobody kernel modules, keys or other processes' memory", () => {
    const profile: { defaultAction: string; syscalls: { names: string[]; action: string }[] } = JSON.parse(
      read("docker/seccomp-executor.json"),
    );
    assert.equal(profile.defaultAction, "SCMP_ACT_ERRNO");
    const allowed = new Set(
      profile.syscalls.flatMap(({ names, action }) => (action === "SCMP_ACT_ALLOW" ? names : [])),
    );
    const needed = ["unshare", "clone", "mount", "umount2", "pivot_root", "execve", "epoll_wait", "futex"];
    const refused = [
      "init_module",
      "finit_module",
      "bpf",
      "kexec_load",
      "keyctl",
      "ptrace",
      "process_vm_readv",
      "io_uring_setup",
    ];
    assert.deepEqual(
      needed.filter((name) => !allowed.has(name)),
      [],
    );
    assert.deepEqual(
      refused.filter((name) => allowed.has(name)),
      [],
    );
  });
});

describe("deploy/compose.yaml", () => {
  it("sets only settings that the service has, to values that it accepts", async () => {
    const definitions = await loadDefinitions({ CCSP_EXECUTOR_ENGINES: "claude-code,command" });
    const folder = mkdtempSync(join(tmpdir(), "ccsp-compose-"));
    for (const file of ["ca.crt", "tls.crt", "tls.key", "jwt.secret", "engine-login"])
      writeFileSync(join(folder, file), "");
    const faults = SERVICES.flatMap((service) => {
      const { environment = {} } = containerOf(service);
      const values: Env = Object.fromEntries(
        Object.entries({ ...imageEnvironment(service), ...environment }).map(([name, value]) => [
          name,
          // Defaults, and what depends on a variable that is set.
          value.replace(/\$\{\w+:[-+]([^}]*)\}/g, "$1").replace(/^\/run\/(ccsp|secrets)(\/(public-)?tls)?/, folder),
        ]),
      );
      if (USE_REDIS.includes(service)) Object.assign(values, { CCSP_REDIS_URL: "rediss://user:password@redis:6379" });
      const { define } = definitions[service];
      const known = describeSettings(define, values).map(({ name }) => name);
      try {
        load(values, define);
        return Object.keys(values)
          .filter((name) => name.startsWith("CCSP_") && !known.includes(name))
          .map((name) => `${service} has no setting ${name}`);
      } catch (error) {
        return [`${service}: ${String(error)}`];
      }
    });
    rmSync(folder, { recursive: true });
    assert.deepEqual(faults, []);
  });

  it("publishes the ports of the gateway, and of no other service", () => {
    const { grpc, http } = DEFAULT_PORTS.gateway;
    const published = SERVICES.flatMap((service) =>
      (containerOf(service).ports ?? []).map((port) => `${service} ${port}`),
    );
    assert.deepEqual(
      published,
      [grpc, http].map((port) => `gateway \${CCSP_ADDRESS:-127.0.0.1}:${port}:${port}`),
    );
  });

  it("gives each container its own secrets, and the engine's login to the executor alone", () => {
    for (const [name, { volumes = [], secrets = [] }] of Object.entries(compose.services)) {
      const folders = volumes.flatMap((each) =>
        typeof each === "object" && each.source === "secrets" ? [each.volume?.subpath] : [],
      );
      const own = { ccsp: "command", doctor: "queue" }[name] ?? name;
      assert.deepEqual(
        folders,
        folders.map(() => own),
        name,
      );
      assert.deepEqual(secrets, name === "executor" ? ["engine-login"] : [], name);
      // The two that make and renew them. They have no network.
      assert.equal(volumes.includes("secrets:/var/lib/ccsp"), name === "secrets" || name === "certificates", name);
    }
  });

  it("mounts only files that the repository has, and volumes that are named", () => {
    const mounts = Object.values(compose.services).flatMap(({ volumes = [] }) =>
      volumes.map((each) => (typeof each === "string" ? (each.split(":")[0] ?? "") : each.source)),
    );
    const missing = mounts.filter((source) =>
      source.startsWith(".") ? !existsSync(join(DEPLOY, source)) : !(source in compose.volumes),
    );
    assert.deepEqual(missing, []);
  });

  it("lets no container of CCSP change its file system or have a capability, and gives it the time to stop", () => {
    for (const service of SERVICES) {
      const { read_only, cap_drop, stop_grace_period = "10s", environment = {} } = containerOf(service);
      assert.deepEqual([read_only, cap_drop], [true, ["ALL"]], service);
      const drain = parseDuration(environment["CCSP_DRAIN_TIMEOUT"] ?? "20s") ?? Number.NaN;
      assert.ok((parseDuration(stop_grace_period) ?? 0) >= drain + 9_500, service);
    }
  });

  it("bounds the log of each container, and the memory and processes of the executor's", () => {
    for (const [name, { logging }] of Object.entries(compose.services))
      if (name !== "ccsp") assert.ok(logging?.options?.["max-size"] && logging.options["max-file"], name);
    const { mem_limit, pids_limit } = containerOf("executor");
    assert.ok(mem_limit && pids_limit);
  });

  it("lets no container of others have a capability, or begin as root and become another user", () => {
    for (const name of ["redis", "consul"]) {
      const { read_only, cap_drop, security_opt } = compose.services[name] ?? {};
      assert.deepEqual([read_only, cap_drop, security_opt], [true, ["ALL"], ["no-new-privileges:true"]], name);
    }
  });

  it("lets the doctor ask the ops port of each service, and Redis as the queue does", () => {
    const { command, environment, entrypoint } = compose.services["doctor"] ?? {};
    const ports = SERVICES.map((service) => `${service}:${DEFAULT_PORTS[service].ops}`);
    assert.deepEqual(command?.toSorted(), ["--ops", ...ports].toSorted());
    assert.match(entrypoint?.join(" ") ?? "", /CCSP_REDIS_URL=.* doctor --service queue /);
    assert.equal(environment?.["CCSP_REDIS_CA_FILE"], "/run/ccsp/tls/ca.crt");
  });

  it("stops the gateway before the services that it calls, and these before Redis and Consul", () => {
    const needs = (service: ServiceName) => Object.keys(containerOf(service).depends_on ?? {}).toSorted();
    const own = ["consul", "redis", "secrets"];
    for (const service of SERVICES) {
      const others = service === "gateway" ? SERVICES.filter((other) => other !== "gateway") : [];
      assert.deepEqual(needs(service), [...others, ...own].toSorted(), service);
    }
  });

  it("lets a service register one name, which every network of it resolves", () => {
    for (const service of SERVICES) {
      const [, host] = /CCSP_ADVERTISE_HOST=(\S+\(.*?\))/.exec(containerOf(service).entrypoint?.join(" ") ?? "") ?? [];
      assert.equal(host, "$$(hostname)", service);
      // A process that crashed and started again is the same instance: a process id is not part of its name.
      assert.match(containerOf(service).entrypoint?.join(" ") ?? "", / CCSP_INSTANCE=\$\$\(hostname\) exec /, service);
    }
  });

  it("is accepted by docker compose, with and without the observability part", function () {
    const docker =
      findProgram("docker") ?? skip(this, "docker is not installed (Debian 13: apt-get install docker-cli)");
    if (spawnSync(docker, ["compose", "version"]).status !== 0)
      skip(this, "docker has no plugin compose (Debian 13: apt-get install docker-compose; Debian 12 has none)");
    for (const profile of ["", "observability"]) {
      const run = (...args: string[]) =>
        execFileSync(docker, ["compose", "-f", join(DEPLOY, "compose.yaml"), ...args], {
          encoding: "utf8",
          env: { ...process.env, COMPOSE_PROFILES: profile },
        });
      const names = run("config", "--services").trim().split("\n");
      assert.equal(names.includes("jaeger"), profile !== "");
      assert.deepEqual(
        SERVICES.filter((name) => !names.includes(name)),
        [],
      );
    }
  }).timeout(60_000);
});
