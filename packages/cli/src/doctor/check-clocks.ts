import { type Found, fail, ok, skip, warn } from "./finding.js";
import { askOps } from "./ops-answer.js";
import { openForChecks, serversOf } from "./redis-servers.js";
import type { Site } from "./site.js";

/** From here on, entries in logs and traces are out of order for readers. */
const WARN_MS = 2_000;
/** Tokens and certificates are judged by the clock. */
const FAIL_MS = 60_000;

/** Compares the clock of this host with those of Redis and of the services. */
export async function checkClocks(site: Site): Promise<readonly Found[]> {
  const found = await Promise.all([ofRedis(site), ...site.opsPorts.map((port) => ofPort(port, site))]);
  const known = found.flat();
  return known.length > 0 ? known : [skip("clocks", "there is no other clock to compare with")];
}

async function ofPort(port: Site["opsPorts"][number], { now }: Site): Promise<readonly Found[]> {
  // A port that does not answer is a finding of the check of services.
  const answer = await askOps(port, now).catch(() => undefined);
  return answer?.aheadMs === undefined ? [] : [judge(port.name, answer.aheadMs)];
}

async function ofRedis({ redis, now }: Site): Promise<readonly Found[]> {
  if (redis === undefined) return [];
  return openForChecks(redis, async (connection) =>
    Promise.all(
      serversOf(connection).map(async ({ name, client }) => {
        const before = now().getTime();
        const [seconds = 0, micros = 0] = await client.time();
        const middle = (before + now().getTime()) / 2;
        return judge(name, Number(seconds) * 1_000 + Number(micros) / 1_000 - middle);
      }),
    ),
  ).catch((error: unknown) => (/NOPERM/.test(String(error)) ? [skip("Redis", "its login may not ask TIME")] : []));
}

function judge(subject: string, aheadMs: number): Found {
  const apart = Math.abs(aheadMs);
  const words = `${(apart / 1_000).toFixed(1)} s ${aheadMs < 0 ? "behind" : "ahead of"} this host`;
  if (apart <= WARN_MS) return ok(subject, `its clock is less than ${WARN_MS / 1_000} s apart`);
  const mend = "let a time service (systemd-timesyncd, chrony) set the clocks of both hosts";
  if (apart <= FAIL_MS) return warn(subject, `its clock is ${words}: logs and traces are out of order`, mend);
  return fail(subject, `its clock is ${words}: tokens and certificates may be refused`, mend);
}
