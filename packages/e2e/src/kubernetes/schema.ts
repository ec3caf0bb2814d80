import { nameOf, type Resource } from "./build.js";

/** The packages with the schemas of the CRDs. Kubernetes' own are in kubernetes-models. */
const CRDS: Readonly<Record<string, string>> = {
  "cert-manager.io": "@kubernetes-models/cert-manager/",
  "gateway.networking.k8s.io": "@kubernetes-models/gateway-api/",
  "keda.sh": "@kubernetes-models/keda/",
  "monitoring.coreos.com": "@kubernetes-models/prometheus-operator/",
};

interface Model {
  validate(): void;
}

/** What is wrong with a resource by its schema. A field that the schema does not have is a fault too. */
export async function faultsBySchema(resource: Resource): Promise<string[]> {
  const { apiVersion, kind } = resource;
  const [group = ""] = apiVersion.split("/");
  const models: Readonly<Record<string, (new (data: object) => Model) | undefined>> = await import(
    `${CRDS[group] ?? "kubernetes-models/"}${apiVersion}`
  );
  const Kind = models[kind];
  if (Kind === undefined) return [`${nameOf(resource)}: there is no schema of it`];
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
