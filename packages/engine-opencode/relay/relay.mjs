// Runs inside OpenCode, as its plugin. `opencode run --format json` prints a text only when it is complete. It prints
// nothing about retries, which may go on for minutes, and nothing about sub-agents. This plugin prints these too, as
// lines of type `relay.…` between the CLI's own lines.

/** When a provider asks for a longer pause, the run ends and the queue tries again. */
const LONGEST_PAUSE_MS = 30_000;

/** The status and retry time of the last answer that was not a success. The event of the following retry lacks them. */
let refusal = {};

const say = (line, then) => process.stdout.write(`${JSON.stringify(line)}\n`, then);

function watchRefusals() {
  const send = globalThis.fetch;
  const watched = async (...args) => {
    refusal = {};
    const response = await send(...args);
    const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
    if (!response.ok)
      refusal = { status: response.status, ...(seconds >= 0 && { retryAt: Date.now() + seconds * 1000 }) };
    return response;
  };
  globalThis.fetch = Object.assign(watched, send);
}

/**
 * OpenCode exits as soon as it is done. Without this, the part of a large answer that a slow reader has not read yet is
 * lost.
 */
function drainBeforeExit() {
  const exit = process.exit.bind(process);
  process.exit = (code) => process.stdout.write("\n", () => exit(code));
}

export default async (_input, { maxRetries }) => {
  watchRefusals();
  /** The run's own session is the first one. Others belong to sub-agents. */
  let session;
  /** Ids of the parts of that session that are text, and of messages that only summarize it. */
  const texts = new Set();
  const summaries = new Set();

  const readers = {
    "session.created": ({ sessionID }) => {
      session ??= sessionID;
    },
    "message.updated": ({ info }) => {
      if (!info.summary || info.role !== "assistant" || summaries.has(info.id)) return;
      summaries.add(info.id);
      say({ type: "relay.summary", message: info.id });
    },
    "message.part.updated": ({ sessionID, part }) => {
      if (part.type === "text") texts.add(part.id);
      if (part.type === "step-finish" && sessionID !== session) say({ type: "relay.subagent_step", part });
    },
    "message.part.delta": ({ sessionID, partID, messageID, field, delta }) => {
      if (sessionID === session && field === "text" && texts.has(partID) && !summaries.has(messageID)) {
        say({ type: "relay.text", part: partID, message: messageID, text: delta });
      }
    },
    "session.status": ({ status }) => {
      if (status.type !== "retry") return;
      const { attempt, message, next } = status;
      const givesUp = attempt > maxRetries || next - Date.now() > LONGEST_PAUSE_MS;
      say({ type: "relay.retry", attempt, maxRetries, givesUp, message, ...refusal }, () => givesUp && process.exit(1));
    },
    "session.error": ({ sessionID, error }) => {
      if (sessionID === session && error) say({ type: "relay.error", error });
    },
    "session.idle": ({ sessionID }) => {
      if (sessionID !== session) return;
      say({ type: "relay.idle" });
      drainBeforeExit();
    },
  };
  return { event: async ({ event }) => readers[event.type]?.(event.properties) };
};
