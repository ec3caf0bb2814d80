import type { ApiKey } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { Command, Option } from "commander";
import { type AccessOptions, accessOf, ROLE_HELP, withAccess } from "../auth/access-options.js";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway, type Operator } from "../connection/operator.js";
import { durationMs, secondsOrMore } from "../options/option-values.js";
import { FORMATS, isForPrograms, NAMELESS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import { zonedTime } from "../output/words.js";
import { type Io, note } from "../process/io.js";
import { KEY_COLUMNS } from "../tables/keys.js";

type CreateOptions = ConnectionOptions & AccessOptions & { readonly name?: string; readonly ttl?: number };

export function keyCommand(io: Io): Command {
  const command = new Command("key").description("make, show and revoke API keys of agents");
  for (const sub of [createCommand(io), listCommand(io), rotateCommand(io), revokeCommand(io)]) command.addCommand(sub);
  return command;
}

const KEEP_IT = "It is not shown again: keep it out of logs and repositories.";

function createCommand(io: Io): Command {
  const create = new Command("create").description("make an API key for an agent, and print it once");
  return withConnection(withAccess(create).option("--name <text>", "what the key is for"), NAMELESS)
    .option(
      "--ttl <time>",
      "how long it is valid, such as 30m, 12h or 90d (default: until it is revoked)",
      secondsOrMore,
    )
    .addHelpText(
      "after",
      `
Prints the key alone on standard output. Nobody can read it again: CCSP stores
a hash of it. You cannot give a key a scope that you lack.

Roles:
${ROLE_HELP}

Examples:
  ccsp key create --agent ci --name "nightly build" --ttl 90d > ci.key
  CCSP_TOKEN=$(cat ci.key) ccsp list`,
    )
    .action(async ({ agent: subject, name = "", ttl, ...options }: CreateOptions) => {
      const lifetime = ttl === undefined ? undefined : toDuration(ttl);
      const { role = "", scopes } = accessOf(options);
      const request = { subject, name, scopes: [...scopes], role, lifetime };
      const made = await atGateway(io, options, (gateway) => gateway.createKey(request));
      await showOne(io, options, {
        json: () => messageJson("ccsp.gateway.v1.CreateKeyResponse", made),
        lines: () => [made.bearer],
      });
      tellOf(io, options, `key ${made.key?.id} of ${subject}, ${validity(made.key)}`);
    });
}

function listCommand(io: Io): Command {
  return withConnection(new Command("list"), FORMATS)
    .description("list API keys, newest first, with their last use; those that have ended stay for 30 days")
    .option("--agent <id>", "only keys of this agent")
    .addHelpText("after", "\nExample:\n  ccsp key list -o json | jq -r 'select(.lastUsedTime == null) | .id'")
    .action(async ({ agent = "", ...options }: ConnectionOptions & { readonly agent?: string }) => {
      await atGateway(io, options, (gateway) =>
        showList(io, options, {
          rows: allKeys(gateway, agent),
          json: (key) => messageJson("ccsp.gateway.v1.ApiKey", key),
          name: ({ id }) => id,
          columns: KEY_COLUMNS,
          empty: "no API keys: ccsp key create --agent NAME makes one",
        }),
      );
    });
}

async function* allKeys(gateway: Operator, subject: string): AsyncGenerator<ApiKey, void> {
  let pageToken = "";
  do {
    const { keys, nextPageToken } = await gateway.listKeys({ subject, pageToken });
    yield* keys;
    pageToken = nextPageToken;
  } while (pageToken !== "");
}

function rotateCommand(io: Io): Command {
  return withConnection(new Command("rotate"), NAMELESS)
    .description("give an API key a new secret, and print the new key once")
    .argument("<key>", "its id: what is between the first and the second _ of the key")
    .addOption(
      new Option("--grace <time>", "how long the old secret works, such as 10m or 1d; 0s: it ends at once")
        .argParser(durationMs)
        .default(durationMs("1h"), "1h"),
    )
    .addHelpText("after", "\nExample:\n  ccsp key rotate 4fTz0aBcDeFg --grace 1d > ci.key")
    .action(async (id: string, { grace, ...options }: ConnectionOptions & { readonly grace: number }) => {
      const made = await atGateway(io, options, (gateway) => gateway.rotateKey({ id, grace: toDuration(grace) }));
      await showOne(io, options, {
        json: () => messageJson("ccsp.gateway.v1.RotateKeyResponse", made),
        lines: () => [made.bearer],
      });
      const until = zonedTime(new Date(Date.now() + grace));
      const old = grace === 0 ? "the old secret has ended" : `the old secret works until ${until}`;
      tellOf(io, options, `key ${id}: ${old}`);
    });
}

function revokeCommand(io: Io): Command {
  return withConnection(new Command("revoke"), FORMATS)
    .description("end an API key for good: its calls and open streams end within 5 s")
    .argument("<key>", "its id: what is between the first and the second _ of the key")
    .addHelpText("after", "\nExample:\n  ccsp key revoke 4fTz0aBcDeFg")
    .action(async (id: string, options: ConnectionOptions) => {
      const { key } = await atGateway(io, options, (gateway) => gateway.revokeKey({ id }));
      await showOne(io, options, {
        json: () => (key === undefined ? {} : messageJson("ccsp.gateway.v1.ApiKey", key)),
        name: id,
        lines: () => [`key ${id} of ${key?.subject} is revoked: its calls and open streams end within 5 s`],
      });
    });
}

const validity = (key: ApiKey | undefined): string =>
  key?.expireTime ? `valid until ${zonedTime(key.expireTime)}` : "valid until it is revoked";

/** On standard error: standard output has the key alone, so that it can go into a file. */
function tellOf(io: Io, options: ConnectionOptions, line: string): void {
  if (!isForPrograms(options)) for (const each of [line, KEEP_IT]) note(io, each);
}
