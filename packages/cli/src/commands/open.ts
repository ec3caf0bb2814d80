import { Command } from "commander";
import {
  type ConnectionOptions,
  fleetAt,
  type Gateway,
  localFleet,
  namedGateway,
  withConnection,
  withGateway,
} from "../connection/connection.js";
import { openInBrowser } from "../open/browser.js";
import { formatOf } from "../output/format.js";
import { showOne } from "../output/show.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note } from "../process/io.js";

interface OpenOptions extends ConnectionOptions {
  readonly url?: string;
  readonly print?: true;
}

/** How long the sign-in lasts with a token that this command makes for the local fleet. */
const SIGN_IN_S = 12 * 3_600;

export function openCommand(io: Io): Command {
  return withConnection(new Command("open"))
    .description("open the dashboard in a browser, signed in as you")
    .option("--url <url>", "address of the dashboard (CCSP_GATEWAY_URL; default: the local fleet's)")
    .option("--print", "print the link and open nothing; it works once, and for a minute")
    .addHelpText(
      "after",
      `
Without a token for the gateway, the dashboard itself asks who you are.

Examples:
  ccsp open
  ccsp open --url https://ccsp.example --gateway ccsp.example:3000 --print`,
    )
    .action(async (options: OpenOptions) => {
      const url = await dashboardUrl(io, options);
      const link = await linkTo(io, options, url);
      const shown = { json: () => ({ url: link }), lines: () => [link] };
      if (options.print) return showOne(io, options, shown);
      if (!(await openInBrowser(io.env, link))) {
        if (formatOf(options) !== "json")
          note(io, "there is no browser here: open this link, which works once and for a minute");
        return showOne(io, options, shown);
      }
      await showOne(io, options, { json: () => ({ url }), lines: () => [`opened ${url}`] });
    });
}

async function dashboardUrl(io: Io, options: OpenOptions): Promise<string> {
  const given = options.url || io.env["CCSP_GATEWAY_URL"];
  if (given) return checked(given);
  const named = namedGateway(io, options);
  const fleet = named === undefined ? await localFleet(io) : await fleetAt(io, named);
  if (fleet?.http !== undefined) return fleet.http;
  throw new CliError(
    EXIT.usage,
    "give --url or CCSP_GATEWAY_URL: the address of the dashboard, such as https://ccsp.example",
  );
}

/** The link carries a proof, so it goes by TLS or stays on this machine. */
function checked(url: string): string {
  const { protocol = "", hostname = "", origin = "" } = URL.canParse(url) ? new URL(url) : {};
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  if (protocol === "https:" || (protocol === "http:" && isHere)) return origin;
  throw new CliError(EXIT.usage, `--url ${url}: it is not an https URL, nor an http URL of this machine`);
}

async function linkTo(io: Io, options: OpenOptions, url: string): Promise<string> {
  const { signInLink } = await import("../open/sign-in-link.js"); // loads the client of HTTP
  const ask = (gateway: Gateway) => signInLink(url, gateway);
  try {
    return await withGateway(io, { ...options, tokenSeconds: SIGN_IN_S }, ask);
  } catch (error) {
    // Without a token, the person signs in at the page, for example with OIDC.
    if (error instanceof CliError && error.code === EXIT.denied && !hasToken(io, options)) return url;
    throw error;
  }
}

const hasToken = ({ env }: Io, { token, tokenFile }: OpenOptions): boolean =>
  [token, tokenFile, env["CCSP_TOKEN"]].some((given) => given !== undefined && given !== "");
