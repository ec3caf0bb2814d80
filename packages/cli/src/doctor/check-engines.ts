import { type Session, SessionState } from "@ccsp/protos/ccsp/monitor/v1/session.js";
import { sessionName } from "../options/session-name.js";
import { sessionState } from "../tables/sessions.js";
import { type Found, fail, ok, skip, warn } from "./finding.js";
import type { Installation } from "./installation.js";
import type { Site } from "./site.js";

/**
 * What the monitor knows of the login of each engine. Without a gateway, only whether the engine of this host can be
 * found: an engine is not started here.
 */
export async function checkEngines(site: Site, installation: Promise<Installation>): Promise<readonly Found[]> {
  const { sessions, executors } = await installation;
  const here = await ofThisHost(site);
  if ("why" in sessions) return [...here, skip("logins", `not known: ${sessions.why}`)];
  const silent =
    "value" in executors ? executors.value.executors.filter(({ status }) => status === undefined) : undefined;
  return [
    ...here,
    ...(silent ?? []).map(({ executorId, error }) =>
      fail(`executor ${executorId}`, `it does not answer: ${error}`, "start it, or let gateways reach its gRPC port"),
    ),
    ...(sessions.value.sessions.length === 0
      ? [warn("executors", "none with an engine has connected: no task can run", "start one, and look into its log")]
      : sessions.value.sessions.map(judgeLogin)),
  ];
}

function judgeLogin(session: Session): Found {
  const name = sessionName(session.account);
  const subject = `login ${name}`;
  const why = session.notChecked || session.checkError;
  const because = why === "" ? "" : `: ${why}`;
  if (session.state === SessionState.VALID) return ok(subject, "it works");
  if (session.state === SessionState.UNPROVEN) {
    const mend = `ccsp session check ${name} (costs a prompt)`;
    return warn(subject, `nothing has shown yet that it works${because}`, mend);
  }
  if (session.state === SessionState.LOST || session.state === SessionState.WAITING) {
    const mend = `renew the login on its executors, then ccsp session confirm ${name} (docs/operations.md#a-lost-login)`;
    return fail(subject, `it is refused, and its tasks wait${because}`, mend);
  }
  return warn(subject, `it is ${sessionState(session)}${because}`, "watch it: ccsp session list");
}

/** A fleet of this host, and a host whose settings name the executor, have the engine here. */
async function ofThisHost({ hasExecutors, fleet, env }: Site): Promise<readonly Found[]> {
  // The executors of a fleet that runs have found theirs.
  if (!hasExecutors || fleet !== undefined || env["CCSP_SIMULATOR"] === "1") return [];
  const { engineFaults } = await import("../up/check-start.js");
  const faults = await engineFaults({ settings: strings(env), env });
  return faults.map((fault) => fail("engine", fault, "install the engine, or name it in the setting"));
}

const strings = (env: Site["env"]): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
