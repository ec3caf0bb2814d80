import type { IContainer, IPodSpec } from "kubernetes-models/v1";
import { nameOf, type Resource } from "./build.js";

/** What starts pods, with the fields that the tests compare. The schemas have been checked before. */
export interface Workload extends Resource {
  readonly kind: "Deployment" | "StatefulSet";
  readonly metadata: Resource["metadata"] & { readonly namespace: string };
  readonly spec: {
    readonly replicas?: number;
    readonly serviceName?: string;
    readonly strategy?: { readonly rollingUpdate?: { readonly maxUnavailable?: number } };
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: IPodSpec;
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

export const isWorkload = (resource: Resource): resource is Workload =>
  resource.kind === "Deployment" || resource.kind === "StatefulSet";

/** The container of a service of CCSP. */
export function serviceContainer(workload: Workload): IContainer {
  const found = workload.spec.template.spec.containers.find(({ name }) => name === "service");
  if (found === undefined) throw new Error(`${nameOf(workload)} has no container named service`);
  return found;
}

/** The variables of a container with a literal value. */
export const literals = ({ env = [] }: IContainer): Record<string, string> =>
  Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));

/** A selector of labels, in any place of a manifest. */
export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: string[];
  }[];
}

export function selects(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== "In") throw new Error(`the test does not know the operator ${operator}`);
      return values.includes(labels[key] ?? "");
    })
  );
}

/** The workloads of one namespace whose pods a selector takes. */
export const selected = (workloads: readonly Workload[], namespace: string, selector: Selector): Workload[] =>
  workloads.filter(
    ({ metadata, spec }) => metadata.namespace === namespace && selects(selector, spec.template.metadata.labels),
  );

/** Kubernetes' quantities as numbers: 250m is 0.25, 1Gi is 1073741824. */
export function quantity(text: string | number): number {
  const [, number = "", unit = ""] = /^([\d.]+)([a-zA-Z]*)$/.exec(String(text)) ?? [];
  const factor = { "": 1, m: 1e-3, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit];
  if (number === "" || factor === undefined) throw new Error(`unknown quantity ${text}`);
  return Number(number) * factor;
}
