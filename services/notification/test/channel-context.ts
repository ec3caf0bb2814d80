import type { ChannelContext, Format, Message } from "../src/domain/channel.js";
import { bareNotice, type Notice } from "../src/domain/notice.js";
import { createGuardedFetch, type GuardedFetch } from "../src/net/guarded-fetch.js";
import { createTargets } from "../src/net/targets.js";
import { render } from "../src/text/render.js";

/** A context in which a channel may reach this machine, as its operator would have to allow. */
export function channelContext(name: string, now = () => new Date()): ChannelContext & Pick<GuardedFetch, "close"> {
  const targets = createTargets({ allow: ["127.0.0.1", "::1", "localhost"], only: false });
  const quiet = () => undefined;
  const { fetch, close } = createGuardedFetch(targets);
  return { name, fetch, close, resolve: targets.resolve, log: { info: quiet, warn: quiet }, now };
}

/** A message of a lost login, with the changes that a test needs. */
export function testMessage(given: Partial<Notice> = {}, rest: Partial<Message> = {}): Message {
  const notice = bareNotice({
    id: "0:1-1",
    kind: "session.timeout",
    severity: "critical",
    time: new Date("2026-01-31T09:00:00Z"),
    subject: { engine: "claude-code", account: "team" },
    facts: { failures: "3" },
    links: { dashboard: "https://ccsp.example/d/1" },
    dedupKey: "session/claude-code/team",
    ...given,
  });
  const repeats = rest.repeats ?? 0;
  const text = (format: Format, longest?: number) =>
    render(notice, { format, language: "en", repeats, ...(longest !== undefined && { longest }) });
  return { id: notice.id, notice, repeats, ref: undefined, attempt: 1, time: notice.time, render: text, ...rest };
}
