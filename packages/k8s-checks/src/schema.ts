import { nameOf, type Resource } from "./build.js";

/** The schemas of the CRDs, each of its own package. Kubernetes' own are in kubernetes-models. */
const CRDS: Readonly<Record<string, (() => Promise<Models>) | undefined>> = {
  "cert-manager.io/v1": async () => await import("@kubernetes-models/cert-manager/cert-manager.io/v1"),
  "gateway.networking.k8s.io/v1": async () =>
    await import("@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1"),
  "keda.sh/v1alpha1": async () => await import("@kubernetes-models/keda/keda.sh/v1alpha1"),
  "monitoring.coreos.com/v1": async () =>
    await import("@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"),
};

/** The classes of an API group, by the names of its kinds. */
type Models = Readonly<Record<string, unknown>>;

interface Model {
  validate(): void;
}

const isModelClass = (found: unknown): found is new (data: object) => Model =>
  typeof found === "function" && "prototype" in found && "validate" in Object(found.prototype);

/** What is wrong with a resource by its schema. A field that the schema does not have is a fault too. */
export async function faultsBySchema(resource: Resource): Promise<string[]> {
  const { apiVersion, kind } = resource;
  const models: Models = await (CRDS[apiVersion]?.() ?? import(`kubernetes-models/${apiVersion}`));
  const Kind = models[kind];
  if (!isModelClass(Kind)) return [`${nameOf(resource)}: there is no schema of it`];
  const unread = new Set<string>();
  try {
    watched(new Kind(resource), "", unread).validate();
  } catch (error) {
    return [`${nameOf(resource)}: ${String(error)}`];
  }
  return [...unread].map((path) => `${nameOf(resource)}: unknown field ${path}`);
}

/**
 * A view of the data that notes which fields nobody read. The schemas allow unknown fields, as Kubernetes does for old
 * clients, but they read each field that they know.
 */
function watched<T extends object>(data: T, path: string, unread: Set<string>): T {
  const views = new Map<PropertyKey, unknown>();
  for (const key of Object.keys(data)) unread.add(`${path}.${key}`);
  return new Proxy(data, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      if (typeof key === "symbol" || !Object.hasOwn(target, key)) return value;
      unread.delete(`${path}.${key}`);
      if (typeof value !== "object" || value === null) return value;
      if (!views.has(key)) views.set(key, watched(value, `${path}.${key}`, unread));
      return views.get(key);
    },
  });
}
