import assert from "node:assert/strict";
import { pino } from "pino";
import type { IssueReading, Issues } from "../domain/channel.js";
import { watchIssue } from "./watch-issue.js";

describe("the watch of an issue", () => {
  const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));
  const reading = (state: "open" | "closed", who: string, minute: number): IssueReading => ({
    status: { state, url: `https://x/${who}`, who, changeTime: at(minute) },
    version: "",
  });

  it("is of the issues of all channels: the one that was closed last wins, and a tracker that is away holds no other", async () => {
    const now: Record<string, IssueReading | undefined> = {
      one: reading("open", "ann", 1),
      two: reading("open", "bob", 2),
    };
    const issuesOf = (name: string): Issues => ({
      read: async () => {
        const said = now[name];
        if (said === undefined) throw new Error("away");
        return said;
      },
    });
    const stop = new AbortController();
    const states = watchIssue(
      "m",
      {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that a watch uses
        store: {
          incident: async () => ({ open: true, issue: true, refs: { file: "x", one: "1", two: "7" } }),
        } as never,
        issues: new Map([
          ["one", issuesOf("one")],
          ["two", issuesOf("two")],
        ]),
        pollMs: 1,
        changes: {
          tell: async () => undefined,
          follow: () => ({ wait: async () => new Promise((done) => setImmediate(done, [])), close: () => undefined }),
        },
        log: pino({ level: "silent" }),
      },
      stop.signal,
    );
    const next = async () => {
      const { value } = await states.next();
      return value !== undefined && "who" in value ? `${value.state} ${value.who}` : value?.state;
    };
    assert.equal(await next(), "open ann");
    now["two"] = reading("closed", "bob", 3);
    assert.equal(await next(), "closed bob");
    now["one"] = reading("closed", "cat", 4);
    assert.equal(await next(), "closed cat");
    now["one"] = undefined;
    now["two"] = reading("closed", "dan", 5);
    assert.equal(await next(), "closed dan");
    stop.abort();
    await states.return(undefined);
  });

  it("waits as long as a tracker asks, also one of a plugin, whose errors are not of our class", async () => {
    const stop = new AbortController();
    const waits: number[] = [];
    const states = watchIssue(
      "m",
      {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that a watch uses
        store: { incident: async () => ({ open: true, issue: true, refs: { one: "1" } }) } as never,
        issues: new Map([["one", { read: () => Promise.reject({ message: "slow down", retryAfterMs: 60_000 }) }]]),
        pollMs: 3_600_000,
        changes: {
          tell: async () => undefined,
          follow: () => ({
            wait: async (_urls, ms) => {
              waits.push(ms);
              stop.abort();
              return [];
            },
            close: () => undefined,
          }),
        },
        log: pino({ level: "silent" }),
      },
      stop.signal,
    );
    assert.deepEqual((await states.next()).value, { state: "opening" });
    await states.next();
    assert.ok((waits[0] ?? 0) > 50_000, `${waits[0]} ms`);
  });
});
