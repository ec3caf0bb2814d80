import type { EngineEvent, Usage } from "@ccsp/engine-kit";
import { at, countAt, entriesAt, type Json, listAt, numberAt, parseObject, textAt } from "@ccsp/engine-kit";
import { categoryOfStatus } from "./rules.js";

/** What the CLI said in a run, as far as its end depends on it. */
export interface Transcript {
  /** From `system/init`: the session has begun. */
  readonly version: string | undefined;
  readonly sessionId: string | undefined;
  readonly model: string | undefined;
  /** It wrote text or used a tool. */
  readonly worked: boolean;
  /** The CLI's own word for the last failed request, on the message that it wrote in the model's place. */
  readonly errorWord: string | undefined;
  /** The usage window that the provider last said is closed. */
  readonly closedWindow: { readonly name: string; readonly resetsAtMs: number | undefined } | undefined;
  readonly result: ResultLine | undefined;
}

/** The line that ends a run. `isError` is the one to trust: subtype says success on errors too. */
export interface ResultLine {
  readonly isError: boolean;
  readonly subtype: string;
  /** HTTP status of the provider's answer, where that was the error. */
  readonly status: number | undefined;
  /** Why the CLI ended the run, in its own word. */
  readonly terminalReason: string | undefined;
  /** The answer, or what the CLI says of the error. */
  readonly text: string;
  readonly turns: number;
  readonly costUsd: number | undefined;
  readonly usage: Usage | undefined;
  readonly model: string | undefined;
}

export interface TranscriptReader {
  /** Takes one line. Undefined when it is not understood; it changes nothing then. */
  read(line: Buffer): readonly EngineEvent[] | undefined;
  readonly transcript: Transcript;
}

/** The model's name on messages that the CLI writes itself. */
const SYNTHETIC = "<synthetic>";

/** Reads `--output-format stream-json --verbose --include-partial-messages`. */
export function createTranscriptReader(): TranscriptReader {
  const transcript: { -readonly [K in keyof Transcript]: Transcript[K] } = {
    version: undefined,
    sessionId: undefined,
    model: undefined,
    worked: false,
    errorWord: undefined,
    closedWindow: undefined,
    result: undefined,
  };
  /** Id of the message whose text came in pieces. */
  let streamed: string | undefined;
  /** What of that message has come, while it is not complete. */
  let unfinished = "";
  /** Half of a character whose other half may come with the next piece. */
  let half = "";

  const text = (piece: string): EngineEvent[] => {
    const joined = half + piece;
    half = /[\uD800-\uDBFF]$/.exec(joined)?.[0] ?? "";
    const whole = wellFormed(half ? joined.slice(0, -1) : joined);
    if (whole === "") return [];
    transcript.worked = true;
    return [{ type: "text", text: whole }];
  };

  /** When a stream broke the CLI asks again without streaming: the text comes whole, and its beginning may have come before. */
  const unseen = (message: string): string => {
    const seen = unfinished;
    unfinished = "";
    return message.startsWith(seen) ? message.slice(seen.length) : message;
  };

  const readers: Readonly<Record<string, (line: Json) => readonly EngineEvent[]>> = {
    system(line) {
      if (textAt(line, "subtype") === "init") {
        transcript.version = textAt(line, "claude_code_version");
        transcript.sessionId = textAt(line, "session_id");
        transcript.model = textAt(line, "model");
      }
      return textAt(line, "subtype") === "api_retry" ? [retryNotice(line)] : [];
    },

    stream_event(line) {
      // What a sub-agent writes is not the answer.
      if (textAt(line, "parent_tool_use_id") !== undefined) return [];
      const type = textAt(line, "event", "type");
      if (type === "message_start") streamed = textAt(line, "event", "message", "id");
      if (type === "message_start" || type === "message_stop") unfinished = "";
      if (textAt(line, "event", "delta", "type") !== "text_delta") return [];
      const piece = textAt(line, "event", "delta", "text") ?? "";
      unfinished += piece;
      return text(piece);
    },

    assistant(line) {
      if (textAt(line, "message", "model") === SYNTHETIC) {
        transcript.errorWord = textAt(line, "error");
        return [];
      }
      const whole = textAt(line, "parent_tool_use_id") === undefined && textAt(line, "message", "id") !== streamed;
      return listAt(line, "message", "content").flatMap((block): readonly EngineEvent[] => {
        const type = textAt(block, "type");
        if (type === "text" && whole) return text(unseen(textAt(block, "text") ?? ""));
        if (type !== "tool_use") return [];
        transcript.worked = true;
        return [{ type: "tool", name: textAt(block, "name") ?? "" }];
      });
    },

    user: () => [],

    rate_limit_event(line) {
      const status = textAt(line, "rate_limit_info", "status");
      const name = textAt(line, "rate_limit_info", "rateLimitType") ?? "usage";
      const seconds = countAt(line, "rate_limit_info", "resetsAt");
      if (status !== "rejected") {
        transcript.closedWindow = undefined;
        return [];
      }
      transcript.closedWindow = { name, resetsAtMs: seconds === undefined ? undefined : seconds * 1000 };
      return [{ type: "notice", category: "USAGE_WINDOW", message: `the ${name} window is closed` }];
    },

    result(line) {
      transcript.sessionId = textAt(line, "session_id") ?? transcript.sessionId;
      transcript.result = {
        isError: at(line, "is_error") !== false,
        subtype: textAt(line, "subtype") ?? "",
        status: numberAt(line, "api_error_status"),
        terminalReason: textAt(line, "terminal_reason"),
        text: wellFormed(textAt(line, "result") ?? listAt(line, "errors").filter(isText).join("\n")),
        turns: countAt(line, "num_turns") ?? 0,
        costUsd: numberAt(line, "total_cost_usd"),
        usage: usageOf(line),
        model: mainModel(line),
      };
      return [];
    },
  };

  return {
    transcript,
    read(bytes) {
      const line = parseObject(bytes);
      const type = textAt(line, "type");
      if (line === undefined || type === undefined || !Object.hasOwn(readers, type)) return undefined;
      return readers[type]?.(line);
    },
  };
}

const isText = (value: Json): value is string => typeof value === "string";

function retryNotice(line: Json): EngineEvent {
  const status = numberAt(line, "error_status");
  const answer = status === undefined ? "the provider could not be reached" : `the provider answered ${status}`;
  const tries = `retry ${numberAt(line, "attempt") ?? "?"} of ${numberAt(line, "max_retries") ?? "?"}`;
  const category = status === undefined ? "NETWORK_ERROR" : categoryOfStatus(status);
  return { type: "notice", category, message: `${answer}; ${tries}` };
}

/** Per model where the CLI says so, since that counts sub-agents and stays right when a limit ends the run. */
function usageOf(line: Json): Usage | undefined {
  const perModel = entriesAt(line, "modelUsage").map(([, usage]) => usage);
  const sum = (key: string) => perModel.reduce<number>((total, usage) => total + (countAt(usage, key) ?? 0), 0);
  if (perModel.length > 0) {
    return {
      inputTokens: sum("inputTokens"),
      outputTokens: sum("outputTokens"),
      cacheReadTokens: sum("cacheReadInputTokens"),
      cacheCreationTokens: sum("cacheCreationInputTokens"),
    };
  }
  if (at(line, "usage") === undefined) return undefined;
  return {
    inputTokens: countAt(line, "usage", "input_tokens") ?? 0,
    outputTokens: countAt(line, "usage", "output_tokens") ?? 0,
    cacheReadTokens: countAt(line, "usage", "cache_read_input_tokens") ?? 0,
    cacheCreationTokens: countAt(line, "usage", "cache_creation_input_tokens") ?? 0,
  };
}

/** The model that wrote most: the CLI also asks small ones for side jobs. */
function mainModel(line: Json): string | undefined {
  const written = (usage: Json) => numberAt(usage, "outputTokens") ?? 0;
  const models = [...entriesAt(line, "modelUsage")].sort(([, a], [, b]) => written(b) - written(a));
  return models[0]?.[0];
}

/** A lone half of a character cannot be written as UTF-8. */
const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, "\uFFFD");
