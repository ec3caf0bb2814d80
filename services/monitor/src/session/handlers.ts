import { invalidFields, isVisible, Refusal, VISIBLE_RULE } from "@ccsp/errors";
import type { CallContext, Handlers } from "@ccsp/grpc-kit";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import type { Account } from "@ccsp/protos/ccsp/queue/v1/account.js";
import { pause } from "@ccsp/timing";
import type { StateStore } from "../state/state-store.js";
import {
  afterConfirmation,
  afterQuestion,
  type Changed,
  type Deciding,
  nameOf,
  type Session,
} from "./domain/session.js";
import { updateSession } from "./keeper.js";
import { toSessionMessage } from "./messages.js";

export interface SessionHandlerDeps {
  readonly store: StateStore<Session>;
  readonly deciding: () => Deciding;
}

type Rpc = "listSessions" | "confirmSession" | "checkSession";

const LOOK_MS = 200;
/** A call without a deadline waits as long as a probe may take. */
const WAIT_MS = 130_000;
/** Left for the answer. */
const MARGIN_MS = 500;
const MAX_WHO = 128;

/**
 * The RPCs about sessions. Any replica answers them: a question is stored, and the replica that keeps the sessions finds
 * it there.
 */
export function sessionHandlers({ store, deciding }: SessionHandlerDeps): Pick<Handlers<MonitorServiceService>, Rpc> {
  const ask = async (account: Account, decide: (now: Session) => Changed, context: Waiting) => {
    const name = nameOf(account);
    const asked = await updateSession(store, name, decide);
    if (asked === undefined) throw notFound(account);
    return answerOf(store, asked, context);
  };
  return {
    async listSessions({ engine }) {
      const entries = await store.list();
      const found = entries.filter(({ value }) => engine === "" || value.engine === engine);
      return { sessions: found.map(({ value }) => toSessionMessage(value)) };
    },

    async confirmSession({ account, who }, context) {
      const checked = checkAccount(account);
      if (who === "" || who.length > MAX_WHO || !isVisible(who)) {
        const rule = isVisible(who) ? `must be 1 to ${MAX_WHO} characters` : VISIBLE_RULE;
        throw invalidFields([{ field: "who", description: rule }]);
      }
      const decide = (now: Session): Changed => {
        const { session, events } = afterConfirmation(now, { cause: "confirmed", who }, deciding());
        return { session: afterQuestion(session), events };
      };
      return ask(checked, decide, context);
    },

    async checkSession({ account }, context) {
      return ask(checkAccount(account), (now) => ({ session: afterQuestion(now), events: [] }), context);
    },
  };
}

type Waiting = Pick<CallContext, "signal" | "deadline">;

/** Waits until the question is answered, and a step that follows from the answer is done. */
async function answerOf(store: StateStore<Session>, { asked, ...account }: Session, { signal, deadline }: Waiting) {
  const name = nameOf(account);
  const endMs = Math.min(deadline?.getTime() ?? Number.POSITIVE_INFINITY, Date.now() + WAIT_MS) - MARGIN_MS;
  for (;;) {
    const session = (await store.get(name))?.value;
    if (session === undefined) throw notFound(account);
    const done = session.answered >= asked;
    const settled = done && session.state !== "lost" && session.state !== "recovering";
    if (settled || Date.now() >= endMs) {
      return { session: toSessionMessage(session), checked: done && session.notChecked === "" };
    }
    await pause(LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

function checkAccount(account: Account | undefined): Account {
  if (account !== undefined && account.engine !== "") return account;
  throw invalidFields([{ field: "account.engine", description: "is empty" }]);
}

/** Names the session as commands do: an account without a name is its engine alone. */
const notFound = ({ engine, account }: Account): Refusal => {
  const name = account === "" ? engine : nameOf({ engine, account });
  return new Refusal("SESSION_NOT_FOUND", `the monitor knows no session of ${JSON.stringify(name)}`);
};
