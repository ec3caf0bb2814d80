import { Command } from "commander";
import { roleOf } from "../auth/roles.js";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { FORMATS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showOne } from "../output/show.js";
import { wrapped, zonedTime } from "../output/words.js";
import type { Io } from "../process/io.js";
import { printable } from "../process/printable.js";

export function whoamiCommand(io: Io): Command {
  return withConnection(new Command("whoami"), FORMATS)
    .description("show who you are for a gateway, and what you may do there")
    .addHelpText("after", "\nExample:\n  ccsp whoami --token-file ci.token -o json | jq .scopes")
    .action(async (options: ConnectionOptions) => {
      const me = await atGateway(io, options, (gateway) => gateway.whoAmI({}));
      const { subject, scopes, proof, expireTime } = me;
      await showOne(io, options, {
        json: () => messageJson("ccsp.gateway.v1.WhoAmIResponse", me),
        name: subject,
        lines: () => [
          `you are ${subject}`,
          `proven by ${PROOFS[proof] ?? proof}, ${expireTime ? `until ${zonedTime(expireTime)}` : "which does not expire"}`,
          ...wrapped(
            ["scopes:", ...(scopes.length === 0 ? ["none"] : scopes.map(printable)), ...roleNote(scopes)],
            2,
          ).split("\n"),
        ],
      });
    });
}

const PROOFS: Readonly<Record<string, string>> = { token: "a token", key: "an API key", oidc: "a log-in by OIDC" };

function roleNote(scopes: readonly string[]): readonly string[] {
  const role = roleOf(scopes);
  return role === undefined ? [] : [`(role ${role})`];
}
