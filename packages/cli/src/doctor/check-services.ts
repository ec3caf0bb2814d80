import { formatHostPort } from "@ccsp/config";
import type { Instance } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { messageOf } from "../process/exit.js";
import { checkHttp } from "./check-http.js";
import { type Found, fail, ok, skip, warn } from "./finding.js";
import type { Installation } from "./installation.js";
import { askOps } from "./ops-answer.js";
import { addressOf, type OpsPort, type Site } from "./site.js";
import { tryConnect } from "./try-connect.js";

/** Asks the gateway, its HTTP server and each ops port, and the monitor for what the instances on other hosts report. */
export async function checkServices(site: Site, installation: Promise<Installation>): Promise<readonly Found[]> {
  const [gateway, http, told, ports] = await Promise.all([
    installation.then((told) => checkGateway(site, told)),
    checkHttp(site),
    installation,
    Promise.all(site.opsPorts.map((port) => checkPort(port, site))),
  ]);
  return [
    gateway,
    ...http,
    ...ports,
    ...site.unknownHosts.map(({ name, why }) => fail(name, why, "correct the name after --ops, or DNS")),
    ...unanswered(site, told),
    ...("why" in told.fleet ? [] : notOk(told.fleet.value.instances)),
  ];
}

/** What the gateway could not say although the token allows it, as when the monitor does not answer. */
function unanswered({ gateway }: Site, { fleet, executors, sessions }: Installation): readonly Found[] {
  const mend = "look whether the monitor and the queue run, and into the log of the gateway";
  return Object.entries({ instances: fleet, executors, logins: sessions }).flatMap(([what, told]) =>
    "failed" in told ? [fail(`gateway ${gateway}`, `it does not say the ${what}: ${told.why}`, mend)] : [],
  );
}

async function checkGateway({ gateway }: Site, { capabilities }: Installation): Promise<Found> {
  if (gateway === undefined) {
    return skip("gateway", "no fleet runs here, and no gateway is named (--gateway or CCSP_GATEWAY)");
  }
  const subject = `gateway ${gateway}`;
  if (!("why" in capabilities)) return ok(subject, `answers to ${capabilities.value.agentId}`);
  const address = addressOf(gateway);
  const away = await (address && tryConnect(address))?.catch((error: unknown) => messageOf(error));
  if (away) return fail(subject, away, "start the gateway, or let this host reach it, or correct --gateway");
  return fail(subject, capabilities.why, "correct the token or --ca-file (docs/troubleshooting.md)");
}

async function checkPort(port: OpsPort, { now }: Site): Promise<Found> {
  try {
    const { state, failing } = await askOps(port, now);
    const faults = Object.entries(failing).map(([dependency, why]) => `${dependency}: ${why}`);
    if (faults.length > 0) {
      return fail(port.name, `its dependencies fail: ${faults.join("; ")}`, "mend the dependency that it names");
    }
    if (state === "ready") return ok(port.name, "ready");
    return warn(port.name, `it is ${state}`, "wait, and look into its log if it stays so");
  } catch (error) {
    const at = formatHostPort(port);
    const mend = `start it, let this host reach ${at}, or correct the address after --ops`;
    return fail(port.name, `${at} does not answer: ${messageOf(error)}`, mend);
  }
}

const notOk = (instances: readonly Instance[]): readonly Found[] =>
  instances.flatMap(({ report, health, why }) =>
    health === "ok" || report === undefined
      ? []
      : [
          warn(
            `${report.service} ${report.instance}`,
            `the monitor finds it ${health}: ${why}`,
            "look into its log, and restart it if it hangs",
          ),
        ],
  );
