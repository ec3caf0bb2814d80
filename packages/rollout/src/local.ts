import { mkdtemp, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import type { ServiceName } from "@ccsp/fleet";
import type { Installation } from "./installation.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const REPLICAS = 2;

/** How a test begins, if not with a fleet of this repository. */
export interface LocalOptions {
  /** The release that the services have at first. */
  readonly from?: string;
}

/**
 * A fleet of this machine with two replicas of each service and scripted engines. A release is a folder with the layout
 * of this repository, after `make build`. As on a host without containers, the link `current` says which release a
 * process starts from.
 */
export async function openLocal({ from = ROOT }: LocalOptions = {}): Promise<Installation & { readonly world: World }> {
  const folder = await mkdtemp(join(tmpdir(), "ccsp-rollout-"));
  const current = join(folder, "current");
  let release = from;
  let previous = from;
  const point = async (to: string): Promise<void> => {
    await symlink(resolve(to), `${current}.new`);
    await rename(`${current}.new`, current);
  };
  await point(release);
  const replicas = {
    gateway: REPLICAS,
    queue: REPLICAS,
    executor: REPLICAS,
    monitor: REPLICAS,
    notification: REPLICAS,
  };
  const world = await startWorld({ engine: "scripted", root: current, replicas, slots: 4 });
  const gateways = world.fleet.processes().flatMap(({ name, ports: { http, ops } }) => {
    if (name !== "gateway") return [];
    return [{ url: `http://127.0.0.1:${http}`, ready: `http://127.0.0.1:${ops}/ready` }];
  });
  const token = () => world.token("rollout-http", { scopes: ["admin"] });
  /** The replicas that were started from the newest release, by service. */
  const replaced = new Map<ServiceName, Set<number>>();

  const replace = async (service: ServiceName, index: number): Promise<void> => {
    await world.fleet.restart(service, index);
    await world.fleet.ready();
  };
  return {
    world,
    client: world.client("rollout"),
    // An earlier release refuses REST calls while it drains.
    http: from === ROOT ? { gateways, token } : undefined,
    runsTasks: true,
    async restart(service) {
      for (let index = 0; index < REPLICAS; index += 1) await replace(service, index);
    },
    async upgrade(service, to) {
      if (resolve(to) !== release) {
        [previous, release] = [release, resolve(to)];
        await point(release);
      }
      const done = new Set<number>();
      replaced.set(service, done);
      for (let index = 0; index < REPLICAS; index += 1) {
        done.add(index);
        await replace(service, index);
      }
    },
    async rollBack(service) {
      if (release !== previous) await point(previous);
      release = previous;
      for (const index of replaced.get(service) ?? []) await replace(service, index);
      replaced.delete(service);
    },
    async close() {
      await world.close();
      await rm(folder, { recursive: true });
    },
  };
}
