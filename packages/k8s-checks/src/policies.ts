import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import type { Resource } from "./build.js";
import { type Selector, selects } from "./workloads.js";

type Policy = Resource & { readonly spec: NonNullable<INetworkPolicy["spec"]> };

/** The NetworkPolicies among resources. */
export const policiesOf = (resources: readonly Resource[]): Policy[] =>
  resources.filter((resource): resource is Policy => resource.kind === "NetworkPolicy");

/** One end of a connection: a pod of any namespace, or an address outside of the cluster (`namespace` undefined). */
export interface End {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The names of its ports, which policies may use in place of numbers. */
  readonly ports?: Readonly<Record<string, number>>;
}

/** A connection that somebody opens. */
export interface Connection {
  readonly from: End;
  readonly to: End;
  readonly port: number;
  readonly protocol?: "TCP" | "UDP";
}

/**
 * Why policies refuse a connection, as Kubernetes evaluates them: a policy that selects a pod isolates it in its
 * directions, and what then passes is the union of all rules that allow. Empty: it passes. An address block never meets
 * a pod, because network plugins differ about that.
 */
export function refusals(policies: readonly Policy[], connection: Connection): string[] {
  const { from, to, port, protocol = "TCP" } = connection;
  const directions = [
    { type: "Egress", own: from, peer: to, rulesOf: ({ spec }: Policy) => peersOf(spec.egress, "to") },
    { type: "Ingress", own: to, peer: from, rulesOf: ({ spec }: Policy) => peersOf(spec.ingress, "from") },
  ] as const;
  return directions.flatMap(({ type, own, peer, rulesOf }) => {
    const isolating = policies.filter((policy) => typesOf(policy).includes(type) && takes(policy, own));
    const allowed =
      isolating.length === 0 ||
      isolating.some((policy) =>
        rulesOf(policy).some(
          ({ peers, ports }) =>
            (ports === undefined || ports.some((each) => isPort(each, to, port, protocol))) &&
            (peers === undefined || peers.some((each) => meets(each, policy.metadata.namespace ?? "", peer))),
        ),
      );
    const names = isolating.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    return allowed
      ? []
      : [`${from.name} > ${to.name}:${port}/${protocol}: ${type} of ${own.name} by ${names.join(", ")}`];
  });
}

/** Whether a policy selects a pod. */
export const takes = ({ metadata, spec }: Policy, { namespace, labels = {} }: End): boolean =>
  namespace !== undefined && namespace === metadata.namespace && selects(spec.podSelector ?? {}, labels);

interface Peer {
  readonly namespaceSelector?: Selector;
  readonly podSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}
interface Port {
  readonly port?: number | string;
  readonly endPort?: number;
  readonly protocol?: string;
}

/** Without types, a policy is one for what comes in, and also for what goes out if it has rules for that. */
const typesOf = ({ spec }: Policy): readonly string[] =>
  spec.policyTypes ?? (spec.egress === undefined ? ["Ingress"] : ["Ingress", "Egress"]);

/** Empty lists mean the same as none: every peer, every port. */
const peersOf = <Side extends "from" | "to">(
  rules: readonly ({ readonly ports?: readonly Port[] } & { readonly [side in Side]?: readonly Peer[] })[] = [],
  side: Side,
): { peers: readonly Peer[] | undefined; ports: readonly Port[] | undefined }[] =>
  rules.map((rule) => ({ peers: filled(rule[side]), ports: filled(rule.ports) }));

const filled = <T>(list: readonly T[] | undefined) => (list?.length ? list : undefined);

const isPort = ({ port, endPort, protocol = "TCP" }: Port, to: End, wanted: number, of: string): boolean => {
  const number = typeof port === "string" ? to.ports?.[port] : port;
  return (
    protocol === of &&
    (port === undefined || (number !== undefined && wanted >= number && wanted <= (endPort ?? number)))
  );
};

function meets(
  { namespaceSelector, podSelector, ipBlock }: Peer,
  own: string,
  { namespace, labels = {} }: End,
): boolean {
  if (ipBlock !== undefined) return namespace === undefined;
  if (namespace === undefined) return false;
  const there = namespaceSelector
    ? selects(namespaceSelector, { "kubernetes.io/metadata.name": namespace })
    : namespace === own;
  return there && selects(podSelector ?? {}, labels);
}
