import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import type { Resource } from "./build.js";
import { type Selector, selected, selects, type Workload } from "./workloads.js";

type Policy = Resource & { readonly spec: NonNullable<INetworkPolicy["spec"]> };

const isPolicy = (resource: Resource): resource is Policy => resource.kind === "NetworkPolicy";

/** The connections between pods that policies allow, each such as `gateway > queue:3001`. */
export interface Edges {
  /** Those that the called pod accepts. */
  readonly accepted: ReadonlySet<string>;
  /** Those that the calling pod may open. */
  readonly opened: ReadonlySet<string>;
}

/** Reads the edges between the pods of an overlay. Connections with addresses outside of it are left out. */
export function edgesOf(resources: readonly Resource[], workloads: readonly Workload[]): Edges {
  const accepted = new Set<string>();
  const opened = new Set<string>();
  for (const { metadata, spec } of resources.filter(isPolicy)) {
    const subjects = selected(workloads, metadata.namespace ?? "", spec.podSelector ?? {});
    for (const { from = [], ports = [] } of spec.ingress ?? [])
      for (const edge of edges(peers(workloads, metadata.namespace ?? "", from), subjects, ports)) accepted.add(edge);
    for (const { to = [], ports = [] } of spec.egress ?? [])
      for (const edge of edges(subjects, peers(workloads, metadata.namespace ?? "", to), ports)) opened.add(edge);
  }
  return { accepted, opened };
}

/** The ports that pods accept connections to from every address, each such as `gateway:3000`. */
export const openToEverybody = (resources: readonly Resource[], workloads: readonly Workload[]): string[] =>
  resources
    .filter(isPolicy)
    .flatMap(({ metadata, spec }) =>
      (spec.ingress ?? [])
        .filter(({ from }) => from === undefined)
        .flatMap(({ ports = [{ port: "every port" }] }) =>
          selected(workloads, metadata.namespace ?? "", spec.podSelector ?? {}).flatMap((workload) =>
            ports.map(({ port }) => `${workload.metadata.name}:${port}`),
          ),
        ),
    );

/** The connections that policies allow with the pods of a namespace of others, each such as `queue:8501`. */
export function edgesWith(other: string, resources: readonly Resource[], workloads: readonly Workload[]): Edges {
  const among = (peers: readonly Peer[]) =>
    peers.some(
      ({ namespaceSelector, podSelector }) =>
        podSelector === undefined &&
        namespaceSelector !== undefined &&
        selects(namespaceSelector, { "kubernetes.io/metadata.name": other }),
    );
  const accepted = new Set<string>();
  const opened = new Set<string>();
  for (const { metadata, spec } of resources.filter(isPolicy)) {
    for (const { metadata: of } of selected(workloads, metadata.namespace ?? "", spec.podSelector ?? {})) {
      for (const { from = [], ports = [] } of spec.ingress ?? [])
        if (among(from)) for (const { port } of ports) accepted.add(`${of.name}:${port}`);
      for (const { to = [], ports = [] } of spec.egress ?? [])
        if (among(to)) for (const { port } of ports) opened.add(`${of.name}:${port}`);
    }
  }
  return { accepted, opened };
}

interface Peer {
  readonly namespaceSelector?: Selector;
  readonly podSelector?: Selector;
}

const peers = (workloads: readonly Workload[], own: string, among: readonly Peer[]): Workload[] =>
  among.flatMap(({ namespaceSelector, podSelector }) => {
    if (podSelector === undefined) return [];
    return workloads.filter(({ metadata: { namespace }, spec }) => {
      const there = namespaceSelector
        ? selects(namespaceSelector, { "kubernetes.io/metadata.name": namespace })
        : namespace === own;
      return there && selects(podSelector, spec.template.metadata.labels);
    });
  });

const edges = (
  callers: readonly Workload[],
  called: readonly Workload[],
  ports: readonly { readonly port?: number | string }[],
): string[] =>
  callers.flatMap((caller) =>
    called.flatMap(({ metadata }) =>
      ports.map(({ port = "every port" }) => `${caller.metadata.name} > ${metadata.name}:${port}`),
    ),
  );
