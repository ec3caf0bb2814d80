import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** A resource of Kubernetes, as far as every kind has it. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

export const OVERLAYS = ["dev", "single-node", "production"] as const;

/** The program on PATH, or undefined. */
export const findProgram = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** The resources that `kustomize build` makes of an overlay of k8s/. */
export const buildOverlay = (kustomize: string, overlay: string): Resource[] =>
  buildFolder(kustomize, join("k8s/overlays", overlay));

/** The same for any folder of the repository, or for an absolute path. */
export const buildFolder = (kustomize: string, folder: string): Resource[] =>
  readResources(execFileSync(kustomize, ["build", resolve(ROOT, folder)], { encoding: "utf8", maxBuffer: 2 ** 24 }));

/** The resources of an overlay of one's own: folders of k8s/ as its resources and its components. */
export function buildOf(kustomize: string, parts: { resources: readonly string[]; components: readonly string[] }) {
  const folder = mkdtempSync(join(tmpdir(), "ccsp-kustomize-"));
  const from = (paths: readonly string[]) => paths.map((path) => relative(folder, join(ROOT, "k8s", path)));
  // JSON is YAML.
  const text = JSON.stringify({ resources: from(parts.resources), components: from(parts.components) });
  try {
    writeFileSync(join(folder, "kustomization.yaml"), text);
    return buildFolder(kustomize, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The resources in a text of YAML with several documents. */
export const readResources = (text: string): Resource[] =>
  parseAllDocuments(text).map((document): Resource => document.toJS());

/** Names a resource in a message. */
export const nameOf = ({ kind, metadata }: Resource): string =>
  `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
