// Runs inside OpenCode, as its plugin. `opencode run --format json` prints a text when it is complete and keeps silent about
// retries, which may go on for minutes, and about sub-agents; this prints them too, as lines of type `relay.…` beside the CLI's own.

/** A provider that wants a longer pause is left to the queue. */
const LONGEST_PAUSE_MS = 30_000;

/** Of the last answer that was no success: the retry that follows does not say it. */
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

/** OpenCode exits as soon as it is done, and what a slow reader has not taken of a large answer by then is lost. */
function drainBeforeExit() {
  const exit = process.exit.bind(process);
  process.exit = (code) => process.stdout.write("\n", () => exit(code));
}

export default async (_input, { maxRetries }) => {
  watchRefusals();
  /** The run's own session: the first. Others are sub-agents'. */
  let session;
  /** Parts of it that are text, and messages that only sum it up. */
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
