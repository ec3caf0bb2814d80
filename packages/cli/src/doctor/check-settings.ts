import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Found, fail, ok, skip, warn } from "./finding.js";
import type { Site } from "./site.js";

/** Checks the settings of the services as each service does when it starts. */
export async function checkSettings(site: Site): Promise<readonly Found[]> {
  if (!site.isLocal && site.services.length === 0) {
    return [skip("settings", "those of services on other hosts are not known here: run it there with --service")];
  }
  const found = site.isLocal ? await ofLocalFleet(site) : await ofServices(site);
  return found.length > 0 ? found : [ok(site.isLocal ? "local fleet" : site.services.join(", "), "all are valid")];
}

async function ofServices({ services, env }: Site): Promise<readonly Found[]> {
  const { checkService } = await import("../up/check-settings.js");
  const values = Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
  const found = await Promise.all(services.map(async (name) => ({ name, ...(await checkService(name, values)) })));
  return found.flatMap(({ name, faults, warnings }) => asFound(name, faults, warnings));
}

async function ofLocalFleet({ io, env, state, fleet }: Site): Promise<readonly Found[]> {
  const [
    { checkFleetSettings },
    { fleetSettings },
    { fleetCertificates },
    { certificateSettings, keepFleetCertificates },
  ] = await Promise.all([
    import("../up/check-settings.js"),
    import("../up/foreground.js"),
    import("../up/certificates.js"),
    import("@ccsp/fleet"),
  ]);
  // The certificates of the fleet have a check of their own, and before its first start it has none.
  const folder = await mkdtemp(join(tmpdir(), "ccsp-doctor-"));
  try {
    const isSimulated = fleet?.simulated === true || env["CCSP_SIMULATOR"] === "1";
    const engine = { settings: isSimulated ? { CCSP_CLAUDE_CODE_API_KEY: "simulated" } : {} };
    const settings = fleetSettings({ ...io, env }, state, engine);
    const certificates = { ...fleetCertificates(env, state, settings), folder };
    await keepFleetCertificates(certificates);
    const named = certificateSettings(certificates);
    const { faults, warnings } = await checkFleetSettings({ state, settings, env, certificates: named });
    return asFound("local fleet", faults, warnings);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const asFound = (subject: string, faults: readonly string[], warnings: readonly string[]): readonly Found[] => [
  ...faults.map((fault) => fail(subject, fault, "correct the setting (docs/configuration.md)")),
  ...warnings.map((warning) => warn(subject, warning, "decide whether it is meant so (docs/configuration.md)")),
];
