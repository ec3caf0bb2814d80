import { readFileSync } from "node:fs";
import { type Found, fail, ok, skip, warn } from "./finding.js";
import type { Installation } from "./installation.js";
import type { Site } from "./site.js";

/** As in `engines` of the root package.json. */
const NODE_MINIMUM = "22.15.0";

export async function checkVersions(_site: Site, installation: Promise<Installation>): Promise<readonly Found[]> {
  const own = ownVersion();
  const { capabilities, fleet } = await installation;
  const gateway =
    "why" in capabilities
      ? skip("gateway", `its version is not known: ${capabilities.why}`)
      : judgeNeighbour("gateway", capabilities.value.version, own);
  return [judgeNode(process.versions.node), ok("ccsp", own), gateway, ...("why" in fleet ? [] : mixed(fleet.value))];
}

export function judgeNode(version: string): Found {
  return isOlder(version, NODE_MINIMUM)
    ? fail("Node", `${version} is older than ${NODE_MINIMUM}`, `install Node ${NODE_MINIMUM} or newer, 24 if you can`)
    : ok("Node", version);
}

/** Neighbouring releases work together (docs/upgrade.md). */
export function judgeNeighbour(subject: string, version: string, own: string): Found {
  const [there, here] = [numbers(version), numbers(own)];
  const apart = there[0] === here[0] ? Math.abs((there[1] ?? 0) - (here[1] ?? 0)) : Number.POSITIVE_INFINITY;
  if (version === own) return ok(subject, version);
  if (apart <= 1) return ok(subject, `${version}, and ccsp is ${own}: neighbouring releases work together`);
  return fail(
    subject,
    `${version}, and ccsp is ${own}: only neighbouring releases work together`,
    "upgrade the older one, one minor release after the other (docs/upgrade.md)",
  );
}

function mixed({ services }: { readonly services: readonly { service: string; versions: readonly string[] }[] }) {
  return services.map(({ service, versions }) =>
    versions.length <= 1
      ? ok(service, versions[0] ?? "unknown")
      : warn(
          service,
          `its replicas have the versions ${versions.join(" and ")}`,
          "finish the upgrade, or roll it back (docs/upgrade.md)",
        ),
  );
}

function ownVersion(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  return version;
}

const numbers = (version: string): readonly number[] => version.split(/[.-]/).map(Number);

function isOlder(version: string, minimum: string): boolean {
  const [a, b] = [numbers(version), numbers(minimum)];
  const at = b.findIndex((part, i) => part !== a[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
