import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openPrivateFolder, replaceFile } from "@ccsp/private-files";
import { SERVICES, type ServiceName } from "./services.js";

/** The tokens of a Consul agent that this package starts. Only the owner can read their files. */
export interface ConsulTokens {
  /** Writes the agent's settings, in which the ACL refuses what no token allows. Returns the file. */
  writeConfig(version: number): Promise<string>;
  /** The token that may do everything. */
  readonly management: string;
  readonly fileOf: (service: ServiceName) => string;
  /** Gives each service's token the rights of its policy in deploy/consul. An agent in -dev mode forgets them. */
  grant(url: string): Promise<void>;
}

/** The file with the token of a service, or of the administrator (`management`). */
export const consulTokenFile = (dir: string, name: ServiceName | "management"): string => join(dir, `${name}.token`);

/** Makes a new random token for each service and for the administrator, and writes them into `dir`. */
export async function openConsulTokens({ root, dir }: { root: string; dir: string }): Promise<ConsulTokens> {
  await openPrivateFolder(dir);
  const fileOf = (name: ServiceName | "management"): string => consulTokenFile(dir, name);
  const policyOf = (name: string): Promise<string> => readFile(join(root, "deploy", "consul", `${name}.hcl`), "utf8");
  const management = randomUUID();
  const services = await Promise.all(
    SERVICES.map(async (name) => ({ name, token: randomUUID(), policy: await policyOf(name) })),
  );
  await Promise.all([
    replaceFile(fileOf("management"), management),
    ...services.map(({ name, token }) => replaceFile(fileOf(name), token)),
  ]);
  return {
    async writeConfig(version) {
      // A token on the command line would be visible to every user.
      const file = join(dir, "acl.json");
      const tokens = { [version < 1.11 ? "master" : "initial_management"]: management, agent: management };
      await replaceFile(file, JSON.stringify({ acl: { enabled: true, default_policy: "deny", tokens } }));
      return file;
    },
    management,
    fileOf,
    async grant(url) {
      const headers = { "x-consul-token": management };
      const put = async (path: string, body: object): Promise<void> => {
        const response = await fetch(new URL(path, url), { method: "PUT", headers, body: JSON.stringify(body) });
        const text = await response.text();
        // The agent keeps what an earlier try has made.
        if (!response.ok && !/already (exists|in use)/i.test(text)) throw new Error(`its ACL answers ${text}`);
      };
      await Promise.all(
        services.map(async ({ name, token, policy }) => {
          await put("/v1/acl/policy", { Name: `ccsp-${name}`, Rules: policy });
          await put("/v1/acl/token", { SecretID: token, Policies: [{ Name: `ccsp-${name}` }] });
        }),
      );
    },
  };
}
