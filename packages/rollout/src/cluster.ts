import { execFile } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { createCcspClient } from "@ccsp/client";
import type { ServiceName } from "@ccsp/fleet";
import type { Installation } from "./installation.js";
import { imageFor, imageOf, type Pod, rolloutSeconds, type Workload, whyStuck } from "./workload.js";

export interface ClusterOptions {
  /** gRPC target of the gateway, as this machine reaches it. */
  readonly gateway: string;
  readonly token: string;
  /** The authority of the gateway's certificate; `system`: those of this machine. Undefined: without TLS. */
  readonly caFile: string | undefined;
  readonly runsTasks: boolean;
}

const run = promisify(execFile);
/** How long until a look at the pods that start. */
const LOOK_MS = 5_000;

/** Calls kubectl and resolves with what it prints. */
export type Kubectl = (args: readonly string[], signal?: AbortSignal) => Promise<string>;

/** An installation in the cluster of KUBECONFIG, with the labels of k8s/base. */
export function openCluster(
  { gateway, token, caFile, runsTasks }: ClusterOptions,
  kubectl: Kubectl = callKubectl,
): Installation {
  const tls = caFile === undefined ? undefined : caFile === "system" ? {} : { caFile };
  const client = createCcspClient({ target: gateway, token, ...(tls && { tls }) });
  /** The workloads that `upgrade` has changed, as they were before. */
  const before = new Map<ServiceName, readonly Workload[]>();

  const list = async <T>(kind: string, service: ServiceName, where: readonly string[]): Promise<readonly T[]> => {
    const labels = `app.kubernetes.io/part-of=ccsp,app.kubernetes.io/name=${service}`;
    const { items }: { items: readonly T[] } = JSON.parse(
      await kubectl(["get", kind, ...where, "--selector", labels, "--output", "json"]),
    );
    return items;
  };
  const workloadsOf = async (service: ServiceName) => {
    const found = await list<Workload>("deployment,statefulset", service, ["--all-namespaces"]);
    if (found.length === 0) throw new Error(`the cluster has no Deployment or StatefulSet of ${service} (k8s/base)`);
    return found;
  };

  /** Changes a workload and waits until all its replicas are ready. Rejects as soon as a new pod will not start. */
  const roll = async (
    service: ServiceName,
    workload: Workload,
    [verb, what, ...rest]: readonly [string, string, ...string[]],
  ): Promise<void> => {
    const { name, namespace } = workload.metadata;
    const of = `${workload.kind}/${name}`;
    const pods = () => list<Pod>("pod", service, ["--namespace", namespace]);
    const old = new Set((await pods()).map(({ metadata }) => metadata.uid));
    await kubectl([verb, what, of, ...rest, "--namespace", namespace]);
    const ended = new AbortController();
    const watch = async () => {
      while (!ended.signal.aborted) {
        // A look that fails says nothing about the pods.
        const found = await pods().catch(() => []);
        const stuck = found.filter(({ metadata }) => !old.has(metadata.uid)).map(whyStuck);
        const why = stuck.find((each) => each !== undefined);
        if (why !== undefined) throw new Error(why);
        await pause(LOOK_MS, undefined, { signal: ended.signal });
      }
    };
    const status = ["rollout", "status", of, "--namespace", namespace, `--timeout=${rolloutSeconds(workload)}s`];
    try {
      await Promise.race([kubectl(status, ended.signal), watch()]);
    } finally {
      ended.abort();
    }
  };
  const setImage = (service: ServiceName, workload: Workload, image: string) =>
    roll(service, workload, ["set", "image", `service=${image}`]);
  return {
    client,
    runsTasks,
    async restart(service) {
      for (const workload of await workloadsOf(service)) await roll(service, workload, ["rollout", "restart"]);
    },
    async upgrade(service, release) {
      const workloads = await workloadsOf(service);
      before.set(service, workloads);
      for (const workload of workloads) await setImage(service, workload, imageFor(imageOf(workload), release));
    },
    async rollBack(service) {
      for (const workload of before.get(service) ?? []) await setImage(service, workload, imageOf(workload));
    },
    async close() {
      client.close();
    },
  };
}

async function callKubectl(args: readonly string[], signal?: AbortSignal): Promise<string> {
  try {
    return (await run("kubectl", args, { maxBuffer: 2 ** 26, ...(signal && { signal }) })).stdout;
  } catch (error) {
    const { stderr = "" }: { stderr?: string } = Object(error);
    throw new Error(`kubectl ${args[0]} ${args[1]}: ${stderr.trim() || String(error)}`, { cause: error });
  }
}
