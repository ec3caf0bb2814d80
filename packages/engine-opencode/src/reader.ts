import {
  at,
  categoryOfStatus,
  countAt,
  type EngineEvent,
  emptyTranscript,
  type Json,
  numberAt,
  parseObject,
  type RunReader,
  textAt,
} from "@ccsp/engine-kit";
import { createAnswer } from "./answer.js";
import { type OpenCodeWord, RULES } from "./rules.js";

const MOST_BLANK = 3;

/** Reads `opencode run --format json` with the lines that relay.mjs adds. `model`: the one that was asked for. */
export function createReader(model: string): RunReader<OpenCodeWord> {
  const transcript = { ...emptyTranscript<OpenCodeWord>(), model };
  const answer = createAnswer();
  /** Messages that sum the conversation up when it grew too long: they are no answer. */
  const summaries = new Set<string | undefined>();
  let turns = 0;
  /** Steps in a row to which nothing was answered. */
  let blank = 0;
  /** Why the last step ended. */
  let reason: string | undefined;
  let idle = false;
  let failure: string | undefined;

  const worked = (events: readonly EngineEvent[]): readonly EngineEvent[] => {
    if (events.length > 0) transcript.worked = true;
    return events;
  };

  const fail = (error: Json | undefined) => {
    failure = textAt(error, "data", "message") ?? textAt(error, "name") ?? "";
    transcript.words = { ...transcript.words, error: textAt(error, "name") };
    transcript.status = numberAt(error, "data", "statusCode");
  };

  /** A last step that is no answer, though OpenCode takes it for one. */
  const stop = (why: "length" | "blank") => {
    transcript.words = { ...transcript.words, reason: why };
    transcript.ending = { ok: false, text: "", turns };
  };

  /** Nobody writes after it: where the process does not end by itself, it is ended. */
  const finish = (exitCode: number | null | undefined) => {
    if (failure !== undefined) transcript.ending = { ok: false, text: failure, turns };
    // A step that wanted a tool and was not followed by another is no end: the tool was rejected.
    else if ((idle || exitCode === 0) && reason === "length") stop(reason);
    else if ((idle || exitCode === 0) && reason !== undefined && reason !== "tool-calls") {
      transcript.ending = { ok: true, text: answer.text(), turns };
    }
  };

  const readers: Readonly<Record<string, (line: Json) => readonly EngineEvent[]>> = {
    step_start: () => [],

    text(line) {
      const ids = { part: textAt(line, "part", "id"), message: textAt(line, "part", "messageID") };
      // OpenCode also writes in the user's name, to go on after it has summed up.
      if (summaries.has(ids.message) || at(line, "part", "synthetic") === true) return [];
      return worked(answer.complete(ids, textAt(line, "part", "text") ?? ""));
    },

    "relay.text": (line) =>
      worked(answer.add({ part: textAt(line, "part"), message: textAt(line, "message") }, textAt(line, "text") ?? "")),

    reasoning: () => [],

    tool_use(line) {
      const state = textAt(line, "part", "state", "status");
      const rejected = state === "error" && /rejected permission/.test(textAt(line, "part", "state", "error") ?? "");
      if (rejected) transcript.words = { ...transcript.words, tool: "rejected" };
      if (state === "completed") transcript.worked = true;
      return [{ type: "tool", name: textAt(line, "part", "tool") ?? "" }];
    },

    step_finish(line) {
      transcript.conversationId = textAt(line, "sessionID");
      turns += 1;
      reason = textAt(line, "part", "reason");
      addUsage(line);
      blank = reason === "unknown" && countAt(line, "part", "tokens", "output") === 0 ? blank + 1 : 0;
      // It would ask for ever (1.18.33): HTML with status 200, say, is to it an answer without a word.
      if (blank === MOST_BLANK) stop("blank");
      if (idle) finish(undefined);
      return [];
    },

    "relay.summary"(line) {
      summaries.add(textAt(line, "message"));
      return [];
    },

    "relay.subagent_step"(line) {
      addUsage(line);
      return [];
    },

    "relay.retry"(line) {
      const status = numberAt(line, "status");
      if (at(line, "givesUp") === true) {
        failure = textAt(line, "message") ?? "";
        transcript.status = status;
        transcript.retryAtMs = countAt(line, "retryAt");
        finish(undefined);
      }
      return [retryNotice(line, status)];
    },

    // The CLI's own line of the same error may say less.
    "relay.error"(line) {
      fail(at(line, "error"));
      return [];
    },

    error(line) {
      if (failure === undefined) fail(at(line, "error"));
      return [];
    },

    "relay.idle"() {
      idle = true;
      finish(undefined);
      return [];
    },
  };

  function addUsage(line: Json): void {
    const tokens = at(line, "part", "tokens");
    const { usage } = transcript;
    transcript.costUsd = (transcript.costUsd ?? 0) + (numberAt(line, "part", "cost") ?? 0);
    transcript.usage = {
      inputTokens: (usage?.inputTokens ?? 0) + (countAt(tokens, "input") ?? 0),
      outputTokens: (usage?.outputTokens ?? 0) + (countAt(tokens, "output") ?? 0) + (countAt(tokens, "reasoning") ?? 0),
      cacheReadTokens: (usage?.cacheReadTokens ?? 0) + (countAt(tokens, "cache", "read") ?? 0),
      cacheCreationTokens: (usage?.cacheCreationTokens ?? 0) + (countAt(tokens, "cache", "write") ?? 0),
    };
  }

  return {
    transcript,
    read(bytes) {
      const line = parseObject(bytes);
      const type = textAt(line, "type");
      if (line === undefined || type === undefined || !Object.hasOwn(readers, type)) return undefined;
      return readers[type]?.(line);
    },
    end({ code }) {
      finish(code);
      return [];
    },
  };
}

function retryNotice(line: Json, status: number | undefined): EngineEvent {
  const answer = status === undefined ? "the provider could not be reached" : `the provider answered ${status}`;
  const tries = `retry ${numberAt(line, "attempt") ?? "?"} of ${numberAt(line, "maxRetries") ?? "?"}`;
  const category = status === undefined ? "NETWORK_ERROR" : categoryOfStatus(RULES, status);
  return {
    type: "notice",
    category,
    message: at(line, "givesUp") === true ? `${answer}; no more retries` : `${answer}; ${tries}`,
  };
}
