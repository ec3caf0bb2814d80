import { Command } from "commander";
import { findLogin, forgetLogin, saveLogin } from "../auth/saved-login.js";
import { namedGateway } from "../connection/connection.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, say } from "../process/io.js";

interface GatewayOption {
  readonly gateway?: string;
}

interface LoginOptions extends GatewayOption {
  readonly oidcIssuer?: string;
  readonly clientId?: string;
  readonly oidcCaFile?: string;
  readonly scopes: string;
}

const GATEWAY = ["--gateway <target>", "gRPC target of the gateway that the login is for (CCSP_GATEWAY)"] as const;

export function loginCommand(io: Io): Command {
  return new Command("login")
    .description("log in as a person at the OIDC issuer of an installation, with a browser")
    .option(...GATEWAY)
    .option("--oidc-issuer <url>", "the issuer that the gateway trusts (CCSP_OIDC_ISSUER)")
    .option("--client-id <id>", "the client that this command is at the issuer (CCSP_OIDC_CLIENT_ID)")
    .option("--oidc-ca-file <path>", "PEM file with the issuer's own certificate authority (CCSP_OIDC_CA_FILE)")
    .option("--scopes <names>", "what to ask the issuer for", "openid profile email offline_access")
    .addHelpText(
      "after",
      `
Commands for this gateway then need no token: they send the ID token of the
login, and renew it. It is kept in the state folder, readable only by you.

Example:
  ccsp login --gateway gateway.example:3000 \\
    --oidc-issuer https://issuer.example/realms/team --client-id ccsp`,
    )
    .action(async (options: LoginOptions) => {
      const gateway = gatewayOf(io, options);
      const client = {
        issuer: required(
          options.oidcIssuer || io.env["CCSP_OIDC_ISSUER"],
          "--oidc-issuer or CCSP_OIDC_ISSUER: the issuer that the gateway trusts. If it trusts none, nobody can log " +
            "in: give a token or an API key to each command, with --token-file or CCSP_TOKEN",
        ),
        clientId: required(
          options.clientId || io.env["CCSP_OIDC_CLIENT_ID"],
          "--client-id or CCSP_OIDC_CLIENT_ID: the client that the issuer has for this command",
        ),
        caFile: options.oidcCaFile || io.env["CCSP_OIDC_CA_FILE"] || undefined,
      };
      const interrupted = new AbortController();
      const stopListening = io.onInterrupt(() => interrupted.abort());
      try {
        const { logIn } = await import("../auth/issuer.js"); // loads the client of OIDC
        const login = await logIn(client, {
          scopes: options.scopes,
          invite: ({ url, code }) => say(io, `open ${url} in a browser, and compare the code ${code}`),
          signal: interrupted.signal,
        });
        await saveLogin(io.env, gateway, login);
      } finally {
        stopListening();
      }
      say(io, `logged in for ${gateway}`);
    });
}

export function logoutCommand(io: Io): Command {
  return new Command("logout")
    .description("forget the login for a gateway, and revoke it at the issuer")
    .option(...GATEWAY)
    .action(async (options: GatewayOption) => {
      const gateway = gatewayOf(io, options);
      const login = await findLogin(io.env, gateway);
      if (login === undefined) {
        say(io, `nobody is logged in for ${gateway}`);
        return;
      }
      // First the file: it has to go also when the issuer does not answer.
      await forgetLogin(io.env, gateway);
      const { revoke } = await import("../auth/issuer.js"); // loads the client of OIDC
      await revoke(login);
      say(io, `logged out of ${gateway}`);
    });
}

const gatewayOf = (io: Io, options: GatewayOption): string =>
  required(namedGateway(io, options), "--gateway or CCSP_GATEWAY");

function required(value: string | undefined, where: string): string {
  if (value) return value;
  throw new CliError(EXIT.usage, `give ${where}`);
}
