import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createCcspClient } from "@ccsp/client";
import type { ServiceName } from "@ccsp/fleet";
import type { Installation } from "./installation.js";

export interface ClusterOptions {
  /** gRPC target of the gateway, as this machine reaches it. */
  readonly gateway: string;
  readonly token: string;
  /** The authority of the gateway's certificate; `system`: those of this machine. Undefined: without TLS. */
  readonly caFile: string | undefined;
  readonly runsTasks: boolean;
}

const run = promisify(execFile);
/** An executor waits for its runs before it ends. */
const ROLLOUT_SECONDS = 900;
const FORM =
  'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.namespace} {.spec.template.spec.containers[?(@.name=="service")].image}{"\\n"}{end}';

interface Workload {
  /** Such as `Deployment/queue`. */
  readonly name: string;
  readonly namespace: string;
  readonly image: string;
}

/** An installation in the cluster of KUBECONFIG, with the labels of k8s/base. Needs `kubectl`. */
export function openCluster({ gateway, token, caFile, runsTasks }: ClusterOptions): Installation {
  const tls = caFile === undefined ? undefined : caFile === "system" ? {} : { caFile };
  const client = createCcspClient({ target: gateway, token, ...(tls && { tls }) });
  /** The workloads that `upgrade` has changed, as they were before. */
  const before = new Map<ServiceName, readonly Workload[]>();

  const rolledOut = async ({ name, namespace }: Workload): Promise<void> => {
    await kubectl("rollout", "status", name, "--namespace", namespace, `--timeout=${ROLLOUT_SECONDS}s`);
  };
  const setImage = (workload: Workload, image: string) =>
    kubectl("set", "image", workload.name, `service=${image}`, "--namespace", workload.namespace);
  return {
    client,
    runsTasks,
    async restart(service) {
      for (const workload of await workloadsOf(service)) {
        await kubectl("rollout", "restart", workload.name, "--namespace", workload.namespace);
        await rolledOut(workload);
      }
    },
    async upgrade(service, release) {
      const workloads = await workloadsOf(service);
      before.set(service, workloads);
      for (const workload of workloads) {
        await setImage(workload, withTag(workload.image, release));
        await rolledOut(workload);
      }
    },
    async rollBack(service) {
      for (const workload of before.get(service) ?? []) {
        await setImage(workload, workload.image);
        await rolledOut(workload);
      }
    },
    async close() {
      client.close();
    },
  };
}

async function workloadsOf(service: ServiceName): Promise<readonly Workload[]> {
  const labels = `app.kubernetes.io/part-of=ccsp,app.kubernetes.io/name=${service}`;
  const lines = await kubectl(
    "get",
    "deployment,statefulset",
    "--all-namespaces",
    "--selector",
    labels,
    "--output",
    FORM,
  );
  const workloads = lines.split("\n").flatMap((line) => {
    const [name, namespace, image] = line.split(" ");
    return name && namespace && image ? [{ name, namespace, image }] : [];
  });
  if (workloads.length === 0) throw new Error(`the cluster has no Deployment or StatefulSet with the labels ${labels}`);
  return workloads;
}

/** The same image of another release. A digest goes with the tag. */
export const withTag = (image: string, tag: string): string =>
  `${image.replace(/@.*$/, "").replace(/:[^:/]+$/, "")}:${tag}`;

async function kubectl(...args: readonly string[]): Promise<string> {
  try {
    return (await run("kubectl", args)).stdout;
  } catch (error) {
    const { stderr = "" }: { stderr?: string } = Object(error);
    throw new Error(`kubectl ${args[0]} ${args[1]}: ${stderr.trim() || String(error)}`, { cause: error });
  }
}
