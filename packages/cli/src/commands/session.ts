import { type Session, SessionState } from "@ccsp/protos/ccsp/monitor/v1/session.js";
import type { Account } from "@ccsp/protos/ccsp/queue/v1/account.js";
import { Command } from "commander";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway, type Operator } from "../connection/operator.js";
import { SESSION_WORDS, sessionAccount, sessionName } from "../options/session-name.js";
import { FORMATS } from "../output/format.js";
import { messageJson } from "../output/json-forms.js";
import { showList, showOne } from "../output/show.js";
import { EXIT, type ExitCode } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { SESSION_COLUMNS, sessionState } from "../tables/sessions.js";

/** A probe takes at most a minute to start and another one to run. */
const PROBE_MS = 130_000;

export function sessionCommand(io: Io, end: (code: ExitCode) => void): Command {
  const command = new Command("session").description("show the logins of engines, and confirm a renewed one");
  for (const sub of [listCommand(io), confirmCommand(io, end), checkCommand(io, end)]) command.addCommand(sub);
  return command;
}

function listCommand(io: Io): Command {
  return withConnection(new Command("list"), FORMATS)
    .description("list the login of each engine and account, and whether it works")
    .addHelpText(
      "after",
      `
States:
  UNPROVEN    nothing has shown yet that it works
  VALID       the newest probe or run worked
  SUSPECTED   refused once or twice in a row
  LOST        refused three times in a row: its tasks are about to be paused
  WAITING     its tasks are paused until a person has renewed the login
  CONFIRMING  a person says that it works again: a probe is to show it
  RECOVERING  it works again: its tasks are about to start

Needs the scope monitor:read.

Example:
  ccsp session list -o json | jq -r 'select(.outage) | .account.account'`,
    )
    .action(async (options: ConnectionOptions) => {
      const { sessions } = await atGateway(io, options, (gateway) => gateway.listSessions({}));
      await showList(io, options, {
        rows: sessions,
        json: (session) => messageJson("ccsp.monitor.v1.Session", session),
        name: ({ account }) => sessionName(account),
        columns: SESSION_COLUMNS,
        empty: "no executor with an engine has connected yet: start one, or a local fleet with `ccsp up`",
      });
    });
}

function confirmCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withConnection(new Command("confirm"), FORMATS)
    .description("say that you have renewed a lost login: a probe checks it, then its tasks start again")
    .argument("<session>", SESSION_WORDS, sessionAccount)
    .addHelpText(
      "after",
      `
It does the same as closing the issue about the login. Ends with 1 when the
login does not work: then its tasks stay paused, and the issue is opened again.
Needs the scope monitor:manage.

Example:
  ccsp session confirm claude-code/team`,
    )
    .action(async (account: Account, options: ConnectionOptions) =>
      ask(io, options, {
        account,
        end,
        call: (gateway) => gateway.confirmSession({ account }, { timeoutMs: PROBE_MS }),
      }),
    );
}

function checkCommand(io: Io, end: (code: ExitCode) => void): Command {
  return withConnection(new Command("check"), FORMATS)
    .description("send the shortest real prompt with a login now; the answer costs as usual")
    .argument("<session>", SESSION_WORDS, sessionAccount)
    .addHelpText(
      "after",
      "\nEnds with 1 when the login does not work, or could not be checked. Needs the\nscope monitor:manage.\n\nExample:\n  ccsp session check claude-code",
    )
    .action(async (account: Account, options: ConnectionOptions) =>
      ask(io, options, { account, end, call: (gateway) => gateway.checkSession({ account }, { timeoutMs: PROBE_MS }) }),
    );
}

interface Answer {
  readonly session: Session | undefined;
  readonly checked: boolean;
}

async function ask(
  io: Io,
  options: ConnectionOptions,
  asked: { account: Account; end: (code: ExitCode) => void; call: (gateway: Operator) => Promise<Answer> },
): Promise<void> {
  const { session, checked } = await atGateway(io, options, asked.call);
  if (!session) return;
  const name = sessionName(asked.account);
  const json = () => messageJson("ccsp.monitor.v1.Session", session);
  await showOne(io, options, { json, name, lines: () => [answerWords(name, session, checked)] });
  asked.end(checked && session.checkError === "" ? EXIT.ok : EXIT.failed);
}

function answerWords(name: string, session: Session, checked: boolean): string {
  const state = sessionState(session);
  if (!checked) return `${name} was not checked: ${session.notChecked || "no answer yet"} (${state})`;
  if (session.checkError === "") return `${name} works (${state})`;
  const then = session.state === SessionState.WAITING ? "; its tasks stay paused" : "";
  return `${name} does not work: ${session.checkError} (${state})${then}`;
}
