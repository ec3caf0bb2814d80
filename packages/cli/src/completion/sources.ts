import type { MessageClient } from "@ccsp/client/messages";
import { SERVICES } from "@ccsp/fleet";
import { type ConnectionOptions, connected } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { CLASS_NAMES } from "../options/priority.js";
import { sessionName } from "../options/session-name.js";
import { stateName } from "../output/task-words.js";
import { localTime } from "../output/words.js";
import type { Io } from "../process/io.js";
import { sessionState } from "../tables/sessions.js";

export interface Suggestion {
  readonly value: string;
  readonly description?: string;
}

/** Where the values of an option or argument come from. The shell itself completes `files`. */
export type Source = "files" | ((io: Io, connection: CompletionConnection) => Promise<readonly Suggestion[]>);

/** The options of the command line that say whom to ask. */
export type CompletionConnection = Pick<ConnectionOptions, "gateway" | "tokenFile" | "caFile">;

const NEWEST_TASKS = 30;
const SNIPPET_LENGTH = 50;

const asked =
  (ask: (client: MessageClient) => Promise<readonly Suggestion[]>) => (io: Io, connection: CompletionConnection) =>
    connected(io, connection, ask);

const tasks = asked(async (client) => {
  const found: Suggestion[] = [];
  for await (const { id, state, spec, createTime } of client.list({ pageSize: NEWEST_TASKS })) {
    const created = createTime ? localTime(createTime) : "";
    const snippet = spec?.prompt.trim().slice(0, SNIPPET_LENGTH);
    found.push({ value: id, description: [stateName(state), created, snippet].filter(Boolean).join(" ") });
    if (found.length === NEWEST_TASKS) break;
  }
  return found;
});
const engines = asked(async (client) => (await client.capabilities()).engines.map((value) => ({ value })));
const schedules = asked(async (client) =>
  (await client.schedules.list()).map(({ name, cron, paused }) => ({
    value: name,
    description: paused ? `${cron} (paused)` : cron,
  })),
);
const agents: Source = (io, connection) =>
  atGateway(io, connection, async (gateway) => {
    const status = await gateway.getStatus({});
    return status.agents.map(({ agentId, waiting, running }) => ({
      value: agentId,
      description: `${waiting} waiting, ${running} running`,
    }));
  });
const executors: Source = (io, connection) =>
  atGateway(io, connection, async (gateway) => {
    const status = await gateway.getStatus({});
    return status.executors.map(({ executorId, leases, draining }) => ({
      value: executorId,
      description: `${leases} running${draining ? ", draining" : ""}`,
    }));
  });
const sessions: Source = (io, connection) =>
  atGateway(io, connection, async (gateway) => {
    const listed = await gateway.listSessions({});
    return listed.sessions.map((session) => ({
      value: sessionName(session.account),
      description: sessionState(session),
    }));
  });
const keys: Source = (io, connection) =>
  atGateway(io, connection, async (gateway) => {
    const listed = await gateway.listKeys({ pageSize: 500 });
    return listed.keys
      .filter(({ revokeTime }) => revokeTime === undefined)
      .map(({ id, subject, name }) => ({ value: id, description: [subject, name].filter(Boolean).join(" ") }));
  });
const words =
  (values: readonly string[]): Source =>
  async () =>
    values.map((value) => ({ value }));

/**
 * The values that the definition of a command does not name itself. A key is an argument of one command
 * (`schedule delete name`), the long name of an option, or the word in the brackets of an option or argument. The first
 * of these that is here counts.
 */
const SOURCES: Readonly<Record<string, Source>> = {
  path: "files",
  file: "files",
  folder: "files",
  task: tasks,
  engine: engines,
  "--engine": engines,
  executor: executors,
  "--executor": executors,
  "--agent": agents,
  key: keys,
  session: sessions,
  "schedule put name": schedules,
  "schedule delete name": schedules,
  class: words(CLASS_NAMES),
  service: words(SERVICES),
  "--replicas": words(SERVICES.map((name) => `${name}=`)),
  scope: words(["all", ...CLASS_NAMES.map((name) => `class/${name}`), "engine/", "agent/", "label/", "account/"]),
};

export function findSource(...keys: readonly string[]): Source | undefined {
  return keys.map((key) => SOURCES[key]).find((source) => source !== undefined);
}
