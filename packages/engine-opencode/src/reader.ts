import {
  at,
  categoryOfStatus,
  countAt,
  type EngineEvent,
  emptyTranscript,
  type Json,
  numberAt,
  parseObject,
  type RunExit,
  type RunReader,
  textAt,
} from "@ccsp/engine-kit";
import { Answer } from "./answer.js";
import { type OpenCodeWord, RULES } from "./rules.js";

const MOST_BLANK = 3;

/**
 * Reads the output of `opencode run --format json`, with the lines that relay.mjs adds. `model`: the one that was asked
 * for.
 */
export const createReader = (model: string): RunReader<OpenCodeWord> => new Reader(model);

type Events = readonly EngineEvent[];

class Reader implements RunReader<OpenCodeWord> {
  readonly transcript = emptyTranscript<OpenCodeWord>();
  readonly #answer = new Answer();
  /** Messages that summarize a conversation that grew too long. They are not an answer. */
  readonly #summaries = new Set<string | undefined>();
  #turns = 0;
  /** Steps in a row that got no answer. */
  #blank = 0;
  /** Why the last step ended. */
  #reason: string | undefined;
  #idle = false;
  #failure: string | undefined;

  /** The key is the type of the line. */
  readonly #readers: Readonly<Record<string, (line: Json) => Events>> = {
    step_start: () => [],
    text: (line) => this.#text(line),
    "relay.text": (line) => this.#piece(line),
    reasoning: () => [],
    tool_use: (line) => this.#tool(line),
    step_finish: (line) => this.#step(line),
    "relay.summary": (line) => {
      this.#summaries.add(textAt(line, "message"));
      return [];
    },
    "relay.subagent_step": (line) => {
      this.#addUsage(line);
      return [];
    },
    "relay.retry": (line) => this.#retry(line),
    // The CLI's own line about the same error may say less.
    "relay.error": (line) => this.#fail(at(line, "error")),
    error: (line) => (this.#failure === undefined ? this.#fail(at(line, "error")) : []),
    "relay.idle": () => {
      this.#idle = true;
      this.#finish(undefined);
      return [];
    },
  };

  constructor(model: string) {
    this.transcript.model = model;
  }

  read(bytes: Buffer): Events | undefined {
    const line = parseObject(bytes);
    const type = textAt(line, "type");
    if (line === undefined || type === undefined || !Object.hasOwn(this.#readers, type)) return undefined;
    return this.#readers[type]?.(line);
  }

  end({ code }: RunExit): Events {
    this.#finish(code);
    return [];
  }

  #text(line: Json): Events {
    const ids = { part: textAt(line, "part", "id"), message: textAt(line, "part", "messageID") };
    // OpenCode also writes in the user's name, to continue after a summary.
    if (this.#summaries.has(ids.message) || at(line, "part", "synthetic") === true) return [];
    return this.#worked(this.#answer.complete(ids, textAt(line, "part", "text") ?? ""));
  }

  #piece(line: Json): Events {
    const ids = { part: textAt(line, "part"), message: textAt(line, "message") };
    return this.#worked(this.#answer.add(ids, textAt(line, "text") ?? ""));
  }

  #tool(line: Json): Events {
    const { transcript } = this;
    const state = textAt(line, "part", "state", "status");
    const rejected = state === "error" && /rejected permission/.test(textAt(line, "part", "state", "error") ?? "");
    if (rejected) transcript.words = { ...transcript.words, tool: "rejected" };
    if (state === "completed") transcript.worked = true;
    return [{ type: "tool", name: textAt(line, "part", "tool") ?? "" }];
  }

  #step(line: Json): Events {
    this.transcript.conversationId = textAt(line, "sessionID");
    this.#turns += 1;
    this.#reason = textAt(line, "part", "reason");
    this.transcript.finishReason = this.#reason;
    this.#addUsage(line);
    const nothing = this.#reason === "unknown" && countAt(line, "part", "tokens", "output") === 0;
    this.#blank = nothing ? this.#blank + 1 : 0;
    // OpenCode (1.18.33) would ask for ever. It takes HTML with status 200, for example, for an answer without text.
    if (this.#blank === MOST_BLANK) this.#stop("blank");
    if (this.#idle) this.#finish(undefined);
    const { usage, costUsd, model = "" } = this.transcript;
    return [{ type: "usage", turns: this.#turns, usage, costUsd, model }];
  }

  #retry(line: Json): Events {
    const { transcript } = this;
    const status = numberAt(line, "status");
    if (at(line, "givesUp") === true) {
      this.#failure = textAt(line, "message") ?? "";
      transcript.status = status;
      transcript.retryAtMs = countAt(line, "retryAt");
      this.#finish(undefined);
    }
    return [retryNotice(line, status)];
  }

  #fail(error: Json | undefined): Events {
    const { transcript } = this;
    this.#failure = textAt(error, "data", "message") ?? textAt(error, "name") ?? "";
    transcript.words = { ...transcript.words, error: textAt(error, "name") };
    transcript.status = numberAt(error, "data", "statusCode");
    return [];
  }

  /** Sets the ending. No output follows, and a process that does not end by itself is ended. */
  #finish(exitCode: number | null | undefined): void {
    const reason = this.#reason;
    const ended = this.#idle || exitCode === 0;
    if (this.#failure !== undefined) {
      this.transcript.ending = { ok: false, text: this.#failure, turns: this.#turns };
    } else if (ended && reason === "length") {
      this.#stop(reason);
      // A step that wanted a tool, with no other step after it, is not an end: the tool was rejected.
    } else if (ended && reason !== undefined && reason !== "tool-calls") {
      this.transcript.ending = { ok: true, text: this.#answer.text(), turns: this.#turns };
    }
  }

  /** Ends the run as failed: the last step is not an answer, although OpenCode takes it for one. */
  #stop(why: "length" | "blank"): void {
    const { transcript } = this;
    transcript.words = { ...transcript.words, reason: why };
    transcript.ending = { ok: false, text: "", turns: this.#turns };
  }

  #addUsage(line: Json): void {
    const { transcript } = this;
    const { usage } = transcript;
    const tokens = at(line, "part", "tokens");
    transcript.costUsd = (transcript.costUsd ?? 0) + (numberAt(line, "part", "cost") ?? 0);
    transcript.usage = {
      inputTokens: (usage?.inputTokens ?? 0) + (countAt(tokens, "input") ?? 0),
      outputTokens: (usage?.outputTokens ?? 0) + (countAt(tokens, "output") ?? 0) + (countAt(tokens, "reasoning") ?? 0),
      cacheReadTokens: (usage?.cacheReadTokens ?? 0) + (countAt(tokens, "cache", "read") ?? 0),
      cacheCreationTokens: (usage?.cacheCreationTokens ?? 0) + (countAt(tokens, "cache", "write") ?? 0),
    };
  }

  #worked(events: Events): Events {
    if (events.length > 0) this.transcript.worked = true;
    return events;
  }
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
