import { messageOf } from "../process/exit.js";
import { type Found, fail, ok, skip, warn } from "./finding.js";
import type { Site } from "./site.js";

export async function checkConsul({ consul, fleet }: Site): Promise<readonly Found[]> {
  if (consul === undefined) {
    return [skip("Consul", fleet ? "the fleet runs without it" : "none is named (CCSP_CONSUL_URL)")];
  }
  const [{ findInstances }, { SERVICES }] = await Promise.all([import("@ccsp/discovery"), import("@ccsp/fleet")]);
  const subject = `Consul ${consul.url}`;
  try {
    const found = await Promise.all(
      SERVICES.map(async (name) => ({ name, count: (await findInstances({ consul, name })).length })),
    );
    const none = found.filter(({ count }) => count === 0).map(({ name }) => name);
    const some = found.map(({ name, count }) => `${name} ${count}`).join(", ");
    if (none.length === 0) return [ok(subject, `ready instances: ${some}`)];
    return [
      warn(
        subject,
        `it lists no ready ${none.join(", no ready ")}: others do not find it`,
        "start it with this CCSP_CONSUL_URL, and let Consul reach /ready of its ops port",
      ),
    ];
  } catch (error) {
    return [fail(subject, messageOf(error), "start Consul, or correct CCSP_CONSUL_URL and its token")];
  }
}
