import { serviceOf } from "@ccsp/e2e-kit/rpcs.js";
import { DEFAULT_PORTS, SERVICES, type ServiceName, USE_REDIS } from "@ccsp/fleet";
import { buildOf, type Resource } from "@ccsp/k8s-checks/build.js";
import { type Connection, type End, policiesOf, refusals } from "@ccsp/k8s-checks/policies.js";
import { allRpcs } from "@ccsp/protos/access.js";
import type { IPodSpec } from "kubernetes-models/v1";

export const isService = (name: string): name is ServiceName => SERVICES.some((service) => service === name);

/** Which service calls which, by the callers that the protos declare. */
export function callsBetweenServices(): { caller: ServiceName; called: ServiceName }[] {
  const callers = SERVICES.map((called) => {
    const rpcs = [...allRpcs().values()].filter(({ path }) => serviceOf(path) === called);
    return { called, names: new Set<string>(rpcs.flatMap(({ access }) => access?.callers ?? [])) };
  });
  return callers.flatMap(({ called, names }) =>
    SERVICES.filter((caller) => caller !== called && names.has(caller)).map((caller) => ({ caller, called })),
  );
}

/** What starts pods: a workload, or a Job such as the doctor. */
interface Starter extends Resource {
  readonly spec: {
    readonly selector?: unknown;
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: IPodSpec;
    };
  };
}
const isStarter = (resource: Resource): resource is Starter =>
  ["Deployment", "StatefulSet", "Job"].includes(resource.kind);

interface Pod extends End {
  /** What its arguments and settings say, where addresses of others are. */
  readonly words: readonly string[];
}

const podOf = ({ metadata, spec: { template } }: Starter): Pod => ({
  name: metadata.name,
  ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
  labels: template.metadata.labels,
  ports: Object.fromEntries(
    template.spec.containers.flatMap(({ ports = [] }) =>
      ports.map(({ name = "", containerPort }) => [name, containerPort]),
    ),
  ),
  words: template.spec.containers.flatMap(({ args = [], env = [] }) => [
    ...args,
    ...env.flatMap(({ value = [] }) => value),
  ]),
});

/** The pods of a build, each as one end of connections. */
export const podsOf = (resources: readonly Resource[]): Pod[] => resources.filter(isStarter).map(podOf);

const DNS = { name: "dns", namespace: "kube-system", labels: { "k8s-app": "kube-dns" } };
const OUTSIDE = { name: "outside" };

/**
 * Every connection that the pods of a build need: those that protos, settings, arguments and monitors ask for. No pod
 * needs the API of Kubernetes: none mounts a token.
 */
export function neededConnections(resources: readonly Resource[]): Connection[] {
  const pods = podsOf(resources);
  const named = (name: string) => pods.filter((pod) => pod.name === name);
  const services = pods.filter(({ name }) => isService(name));
  const between = (from: readonly End[], to: readonly End[], ports: readonly number[]) =>
    from.flatMap((caller) => to.flatMap((called) => ports.map((port) => ({ from: caller, to: called, port }))));
  const ops = (from: End) => services.flatMap((to) => between([from], [to], [to.ports?.["ops"] ?? Number.NaN]));
  const redis = named("redis");
  const { grpc, http = Number.NaN } = DEFAULT_PORTS.gateway;
  return [
    ...between(pods, [DNS], [53]).flatMap((each) => [each, { ...each, protocol: "UDP" as const }]),
    ...callsBetweenServices().flatMap(({ caller, called }) =>
      between(named(caller), named(called), [DEFAULT_PORTS[called].grpc]),
    ),
    ...redis.flatMap((each) =>
      between([...USE_REDIS, "redis", "doctor"].flatMap(named), [each], Object.values(each.ports ?? {})),
    ),
    ...pods.flatMap((pod) => addressesIn(pod).flatMap((address) => connectionsTo(address, pod, resources, pods))),
    ...between([OUTSIDE, ...named("doctor")], named("gateway"), [grpc, http]),
    ...between(["gateway", "executor", "notification", "doctor"].flatMap(named), [OUTSIDE], [443]),
    ...between(named("notification"), [OUTSIDE], [465, 587]),
    ...(resources.some(({ kind }) => kind === "ServiceMonitor")
      ? ops({ name: "prometheus", namespace: "monitoring" })
      : []),
    // Consul asks each instance that registers with it.
    ...(services.some(({ words }) => words.some((word) => word.includes(".consul.svc")))
      ? ops({ name: "consul", namespace: "consul" })
      : []),
  ];
}

/** Addresses of Services, such as `queue-headless.ccsp.svc:3001`, in the arguments and settings of a pod. */
const addressesIn = ({ words, namespace: own = "" }: Pod) =>
  words.flatMap((word) =>
    [...word.matchAll(/(?:^|\/)([a-z][a-z0-9-]*)(?:\.([a-z][a-z0-9-]*))?(?:\.svc)?:(\d+)(?=$|\/)/g)].map(
      ([, service = "", namespace = own, port]) => ({ service, namespace, port: Number(port) }),
    ),
  );

function connectionsTo(
  { service, namespace, port }: { service: string; namespace: string; port: number },
  from: Pod,
  resources: readonly Resource[],
  pods: readonly Pod[],
): Connection[] {
  if (!resources.some(({ kind, metadata }) => kind === "Namespace" && metadata.name === namespace))
    return [{ from, to: { name: service, namespace }, port }];
  // Each Service takes the pods with the label of its own name, and keeps the number of the port: references.ts checks it.
  const app = resources.find(
    ({ kind, metadata }) => kind === "Service" && metadata.name === service && metadata.namespace === namespace,
  )?.metadata.labels?.["app.kubernetes.io/name"];
  return pods.filter(({ name, namespace: of }) => name === app && of === namespace).map((to) => ({ from, to, port }));
}

/** The components of k8s. An overlay takes one of `discovery`, at most one of `redis`, and any of the others. */
export const COMPONENTS = {
  discovery: ["discovery-dns", "discovery-consul"],
  redis: ["redis-single", "redis-sentinel"],
  /** They have policies, pods, or callers from another namespace. */
  onNetwork: ["network-policies", "jaeger", "prometheus-operator"],
  /** They change pods in place, without a connection more or less. */
  inPlace: ["cert-manager", "executor-sandbox", "autoscaling", "keda", "gateway-api"],
} as const;

/** An overlay of the base, the doctor and these components. */
export const buildWith = (kustomize: string, components: readonly string[]): Resource[] =>
  buildOf(kustomize, { resources: ["base", "doctor"], components: components.map((name) => `components/${name}`) });

/** The needed connections of a build that its policies refuse, and by which policies. */
export const refusedIn = (resources: readonly Resource[]): string[] => {
  const policies = policiesOf(resources);
  return neededConnections(resources).flatMap((connection) => refusals(policies, connection));
};
