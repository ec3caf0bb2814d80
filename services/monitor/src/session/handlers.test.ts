import assert from "node:assert/strict";
import { setImmediate as breathe } from "node:timers/promises";
import { Refusal } from "@ccsp/errors";
import type { CallContext } from "@ccsp/grpc-kit";
import { SessionState } from "@ccsp/protos/ccsp/monitor/v1/session.js";
import type { Entry, StateStore } from "../state/state-store.js";
import { afterProbe, type Deciding, firstSeen, nameOf, type Session } from "./domain/session.js";
import { sessionHandlers } from "./handlers.js";
import { updateSession } from "./keeper.js";

const ACCOUNT = { engine: "claude-code", account: "team" };
const deciding = (): Deciding => ({
  nowMs: 1_000,
  waits: { intervalMs: 300_000, retryMs: 30_000 },
  newId: () => "id",
});

function inMemory(...sessions: readonly Session[]): StateStore<Session> {
  const entries = new Map<string, Entry<Session>>(
    sessions.map((value) => [nameOf(value), { name: nameOf(value), value, revision: "0" }]),
  );
  return {
    list: async () => [...entries.values()],
    get: async (name) => entries.get(name),
    names: async () => new Set(entries.keys()),
    remove: () => assert.fail("no session is removed"),
    change: async ({ name, before, after }) => {
      if (entries.get(name) !== before) return "conflict";
      if (after === undefined) return "removed";
      const entry = { name, value: after, revision: `${before?.revision}.` };
      entries.set(name, entry);
      return entry;
    },
  };
}

/** The context of a call. Its signal and deadline are all that these handlers use. */
const within = (ms: number): CallContext => {
  const context = { signal: new AbortController().signal, deadline: new Date(Date.now() + ms) };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return context as CallContext;
};

const refusedWith = (reason: string) => (error: unknown) => {
  assert.ok(error instanceof Refusal, String(error));
  assert.equal(error.reason, reason);
  return true;
};

describe("the RPCs about sessions", () => {
  it("refuse an account without an engine, an unknown one, and a name that controls a terminal", async () => {
    const { checkSession, confirmSession } = sessionHandlers({ store: inMemory(), deciding });
    const nobody = { account: { engine: "", account: "team" } };
    await assert.rejects(checkSession({ account: undefined }, within(9_000)), refusedWith("INVALID_FIELD"));
    await assert.rejects(checkSession(nobody, within(9_000)), refusedWith("INVALID_FIELD"));
    await assert.rejects(checkSession({ account: ACCOUNT }, within(9_000)), refusedWith("SESSION_NOT_FOUND"));
    for (const who of ["", "ada\u001b[2J", "a".repeat(129)]) {
      await assert.rejects(confirmSession({ account: ACCOUNT, who }, within(9_000)), refusedWith("INVALID_FIELD"));
    }
  });

  it("answer a check after the probe that followed it, not with an older one", async () => {
    const store = inMemory(firstSeen(ACCOUNT, deciding()));
    const { checkSession } = sessionHandlers({ store, deciding });
    const answer = checkSession({ account: ACCOUNT }, within(9_000));
    await breathe();
    const probed = (asked: number) =>
      updateSession(store, nameOf(ACCOUNT), (now) => afterProbe(now, { kind: "works" }, asked, deciding()));
    await probed(0);
    assert.equal((await store.get(nameOf(ACCOUNT)))?.value.answered, 0);
    await probed(1);
    const { session, checked } = await answer;
    assert.deepEqual([session?.state, checked], [SessionState.VALID, true]);
  });

  it("say that a session was not checked when the time of the call is over", async () => {
    const store = inMemory(firstSeen(ACCOUNT, deciding()));
    const { checkSession, listSessions } = sessionHandlers({ store, deciding });
    const { session, checked } = await checkSession({ account: ACCOUNT }, within(0));
    assert.deepEqual([session?.state, checked], [SessionState.UNPROVEN, false]);
    assert.equal((await listSessions({ engine: "claude-code" }, within(9_000))).sessions.length, 1);
    assert.equal((await listSessions({ engine: "opencode" }, within(9_000))).sessions.length, 0);
  });
});
