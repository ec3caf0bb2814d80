import { within } from "@ccsp/timing";
import { messageOf } from "../process/exit.js";
import { checkClocks } from "./check-clocks.js";
import { checkConsul } from "./check-consul.js";
import { checkDisks } from "./check-disks.js";
import { checkEngines } from "./check-engines.js";
import { checkLimits } from "./check-limits.js";
import { checkRedis } from "./check-redis.js";
import { checkSandbox } from "./check-sandbox.js";
import { checkServices } from "./check-services.js";
import { checkSettings } from "./check-settings.js";
import { checkTls } from "./check-tls.js";
import { checkVersions } from "./check-versions.js";
import { type Finding, type Found, fail } from "./finding.js";
import { askInstallation, type Installation } from "./installation.js";
import type { Site } from "./site.js";

type Check = (site: Site, installation: Promise<Installation>) => Promise<readonly Found[]>;

/** All checks, in the order in which their findings are shown. */
const CHECKS: Readonly<Record<string, Check>> = {
  versions: checkVersions,
  settings: checkSettings,
  services: checkServices,
  redis: checkRedis,
  consul: checkConsul,
  tls: checkTls,
  clocks: checkClocks,
  engines: checkEngines,
  sandbox: checkSandbox,
  disk: checkDisks,
  limits: checkLimits,
};

/** More than every single question of a check may take. */
const CHECK_MS = 20_000;

/** Runs all checks at once. A check that fails itself, or that takes over 20 s, is a finding. Never rejects. */
export async function examine(site: Site): Promise<readonly Finding[]> {
  const installation = askInstallation(site);
  const findings = await Promise.all(
    Object.entries(CHECKS).map(async ([check, look]) => {
      const found = await within(CHECK_MS, look(site, installation), () => [
        fail(check, `the check did not end within ${CHECK_MS / 1_000} s`, "look whether the host or its disk hangs"),
      ]).catch((error: unknown) => [fail(check, messageOf(error), "report it: the check itself failed")]);
      return found.map((each): Finding => ({ check, ...each }));
    }),
  );
  return findings.flat();
}
