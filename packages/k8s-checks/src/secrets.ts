import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Resource, ROOT, readResources } from "./build.js";
import type { Workload } from "./workloads.js";

/** The names of the Secrets that a workload refers to. */
export const secretsOf = ({ spec }: Workload): string[] => [
  ...(spec.template.spec.volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []),
  ...spec.template.spec.containers.flatMap(({ env = [] }) =>
    env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.name ?? []),
  ),
];

/** The Secret that cert-manager makes for a Certificate. */
export function secretsOfCertificate({
  kind,
  metadata,
  ...rest
}: Resource & { readonly spec?: { readonly secretName?: string } }) {
  return kind === "Certificate" && rest.spec?.secretName ? [`${metadata.namespace}/${rest.spec.secretName}`] : [];
}

/** Certificates take seconds, so each list is made once. */
const printedSecrets = new Map<string, string[]>();
/** The Secrets that k8s/secrets.sh prints, each such as `ccsp/ccsp-tokens`. */
export function secretsByScript(asked: { sentinel: boolean; certificates: boolean }): string[] {
  const key = JSON.stringify(asked);
  const names = printedSecrets.get(key) ?? printSecrets(asked);
  printedSecrets.set(key, names);
  return names;
}

function printSecrets({ sentinel, certificates }: { sentinel: boolean; certificates: boolean }): string[] {
  const folder = mkdtempSync(join(tmpdir(), "ccsp-secrets-"));
  try {
    const engine = join(folder, "engine.env");
    writeFileSync(engine, "ANTHROPIC_API_KEY=key\n");
    const options = [
      ...(sentinel ? ["--sentinel"] : []),
      ...(certificates ? ["--certificates"] : []),
      "--engine",
      engine,
    ];
    const printed = execFileSync(join(ROOT, "k8s/secrets.sh"), options, {
      encoding: "utf8",
      env: { ...process.env, PATH: [join(ROOT, ".tools/bin"), process.env["PATH"]].join(delimiter) },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const secrets = readResources(printed).filter(({ kind }) => kind === "Secret");
    return secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
