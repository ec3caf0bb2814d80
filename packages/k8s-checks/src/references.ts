import type { IContainer } from "kubernetes-models/v1";
import { nameOf, type Resource } from "./build.js";
import { isWorkload, type Selector, selected, type Workload } from "./workloads.js";

interface Port {
  readonly name?: string;
  readonly port: number | string;
  readonly targetPort?: number | string;
}

/** The fields of other kinds that refer to something. */
interface Referring extends Resource {
  readonly spec?: {
    readonly selector?: Readonly<Record<string, string>> & Selector;
    readonly namespaceSelector?: { readonly matchNames?: readonly string[] };
    readonly ports?: readonly Port[];
    readonly endpoints?: readonly { readonly port?: string }[];
    readonly scaleTargetRef?: { readonly kind?: string; readonly name: string };
    readonly rules?: readonly { readonly backendRefs?: readonly { readonly name: string; readonly port?: number }[] }[];
    readonly targetRefs?: readonly { readonly kind: string; readonly name: string }[];
  };
}

/** What resources refer to and what is not there: pods that no label meets, ports, volumes, accounts, targets. */
export function missingReferences(resources: readonly Resource[]): string[] {
  const workloads = resources.filter(isWorkload);
  return [
    ...workloads.flatMap((workload) => missingOfPods(workload, resources)),
    ...resources.flatMap((resource) => missingOf(resource, resources, workloads)),
  ];
}

function missingOf(resource: Referring, resources: readonly Referring[], workloads: readonly Workload[]): string[] {
  const { kind, metadata, spec = {} } = resource;
  const namespace = metadata.namespace ?? "";
  const has = (wanted: string, name: string) =>
    resources.some(
      (each) => each.kind === wanted && each.metadata.name === name && each.metadata.namespace === namespace,
    );
  const fault = (what: string) => [`${nameOf(resource)}: ${what}`];
  switch (kind) {
    case "Service": {
      const pods = selected(workloads, namespace, { matchLabels: spec.selector ?? {} });
      if (pods.length !== 1) return fault(`its selector takes ${pods.length} workloads`);
      const open = portsOf(pods);
      return (spec.ports ?? []).flatMap(({ port, targetPort = port }) =>
        open.some(({ name, number }) => name === targetPort || number === targetPort)
          ? []
          : fault(`no container has the port ${targetPort}`),
      );
    }
    case "PodDisruptionBudget":
      return selected(workloads, namespace, spec.selector ?? {}).length === 1
        ? []
        : fault("its selector takes no pods");
    case "HorizontalPodAutoscaler":
    case "ScaledObject": {
      const { kind: wanted = "", name = "" } = spec.scaleTargetRef ?? {};
      return has(wanted, name) ? [] : fault(`there is no ${wanted} ${name}`);
    }
    case "HTTPRoute":
      return (spec.rules ?? []).flatMap(({ backendRefs = [] }) =>
        backendRefs.flatMap(({ name, port }) => {
          const service = resources.find((each) => each.kind === "Service" && each.metadata.name === name);
          return service?.spec?.ports?.some((each) => each.port === port)
            ? []
            : fault(`there is no Service ${name}:${port}`);
        }),
      );
    case "ServiceMonitor":
      return notScrapedOnce(resource, resources).flatMap(fault);
    case "BackendTLSPolicy":
      return (spec.targetRefs ?? []).flatMap((target) =>
        has(target.kind, target.name) ? [] : fault(`there is no ${target.kind} ${target.name}`),
      );
    default:
      return [];
  }
}

/** The services whose replicas a ServiceMonitor does not scrape exactly once. */
function notScrapedOnce({ spec = {} }: Referring, resources: readonly Referring[]): string[] {
  const names = (spec.selector?.matchExpressions ?? []).flatMap(({ values = [] }) => values);
  return (spec.endpoints ?? []).flatMap(({ port }) =>
    names.flatMap((name) => {
      const scraped = resources.filter(
        ({ kind, metadata, spec: of }) =>
          kind === "Service" &&
          metadata.labels?.["app.kubernetes.io/name"] === name &&
          (spec.namespaceSelector?.matchNames ?? []).includes(metadata.namespace ?? "") &&
          of?.ports?.some((each) => each.name === port),
      );
      return scraped.length === 1 ? [] : [`${scraped.length} Services of ${name} have the port ${port}`];
    }),
  );
}

const portsOf = (workloads: readonly Workload[]) =>
  workloads.flatMap(({ spec }) =>
    spec.template.spec.containers.flatMap(({ ports = [] }) =>
      ports.map(({ name, containerPort: number }) => ({ name, number })),
    ),
  );

function missingOfPods(workload: Workload, resources: readonly Resource[]): string[] {
  const { metadata, spec } = workload;
  const { volumes = [], containers, serviceAccountName } = spec.template.spec;
  const has = (kind: string, name: string | undefined) =>
    name === undefined ||
    resources.some(
      (each) => each.kind === kind && each.metadata.name === name && each.metadata.namespace === metadata.namespace,
    );
  const names = [...volumes, ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)].map(
    ({ name }) => name,
  );
  const mounted = containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name));
  const faults = [
    ...(Object.entries(spec.selector.matchLabels).every(([key, value]) => spec.template.metadata.labels[key] === value)
      ? []
      : ["its selector does not take its own pods"]),
    ...mounted.filter((name) => !names.includes(name)).map((name) => `there is no volume ${name}`),
    ...names.filter((name) => !mounted.includes(name)).map((name) => `nothing mounts the volume ${name}`),
    ...(has("ServiceAccount", serviceAccountName) ? [] : [`there is no ServiceAccount ${serviceAccountName}`]),
    ...(has("Service", spec.serviceName) ? [] : [`there is no Service ${spec.serviceName}`]),
    ...volumes.flatMap(({ configMap }) =>
      has("ConfigMap", configMap?.name) ? [] : [`there is no ConfigMap ${configMap?.name}`],
    ),
    ...containers.flatMap(missingPorts),
  ];
  return faults.map((fault) => `${nameOf(workload)}: ${fault}`);
}

function missingPorts({ ports = [], livenessProbe, readinessProbe, startupProbe }: IContainer): string[] {
  return [livenessProbe, readinessProbe, startupProbe].flatMap((probe) => {
    const port = (probe?.httpGet ?? probe?.tcpSocket)?.port;
    return port === undefined || ports.some(({ name }) => name === port)
      ? []
      : [`a probe asks the unknown port ${port}`];
  });
}
