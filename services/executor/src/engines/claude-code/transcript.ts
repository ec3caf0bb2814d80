import {
  at,
  categoryOfStatus,
  countAt,
  type EngineEvent,
  emptyTranscript,
  entriesAt,
  type Json,
  listAt,
  numberAt,
  parseObject,
  type RunReader,
  textAt,
  type Usage,
} from "@ccsp/engine-kit";
import { type ClaudeWord, RULES } from "./rules.js";
import { createWritten } from "./written.js";

/** The model's name on messages that the CLI writes itself. */
const SYNTHETIC = "<synthetic>";

/** Reads `--output-format stream-json --verbose --include-partial-messages`. */
export function createTranscriptReader(): RunReader<ClaudeWord> {
  const transcript = emptyTranscript<ClaudeWord>();
  const written = createWritten();

  const worked = (events: readonly EngineEvent[]): readonly EngineEvent[] => {
    if (events.some((event) => event.type === "text" && event.text !== "")) transcript.worked = true;
    return events;
  };

  const readers: Readonly<Record<string, (line: Json) => readonly EngineEvent[]>> = {
    system(line) {
      if (textAt(line, "subtype") === "init") {
        transcript.version = textAt(line, "claude_code_version");
        transcript.conversationId = textAt(line, "session_id");
        transcript.model = textAt(line, "model");
      }
      return textAt(line, "subtype") === "api_retry" ? [retryNotice(line)] : [];
    },

    stream_event(line) {
      // What a sub-agent writes is not the answer.
      if (textAt(line, "parent_tool_use_id") !== undefined) return [];
      const type = textAt(line, "event", "type");
      if (type === "message_start") return written.begin(textAt(line, "event", "message", "id"));
      if (type === "content_block_start") return written.next();
      if (textAt(line, "event", "delta", "type") !== "text_delta") return [];
      return worked(written.add(textAt(line, "event", "delta", "text") ?? ""));
    },

    assistant(line) {
      if (textAt(line, "message", "model") === SYNTHETIC) {
        transcript.words = { ...transcript.words, error: textAt(line, "error") };
        return [];
      }
      const ours = textAt(line, "parent_tool_use_id") === undefined;
      const id = textAt(line, "message", "id");
      return listAt(line, "message", "content").flatMap((block): readonly EngineEvent[] => {
        const type = textAt(block, "type");
        if (type === "text" && ours) return worked(written.stands(id, textAt(block, "text") ?? ""));
        if (type !== "tool_use") return [];
        transcript.worked = true;
        return [{ type: "tool", name: textAt(block, "name") ?? "" }];
      });
    },

    user: () => [],

    rate_limit_event(line) {
      const status = textAt(line, "rate_limit_info", "status");
      const name = textAt(line, "rate_limit_info", "rateLimitType");
      const seconds = countAt(line, "rate_limit_info", "resetsAt");
      // Of a login the CLI calls a burst of requests rejected too (2.1.197), but no window is named then.
      const closed = status === "rejected" && (name !== undefined || seconds !== undefined);
      transcript.words = { ...transcript.words, window: closed ? status : undefined };
      transcript.retryAtMs = closed && seconds !== undefined ? seconds * 1000 : undefined;
      if (!closed) return [];
      return [{ type: "notice", category: "USAGE_WINDOW", message: `the ${name ?? "usage"} window is closed` }];
    },

    result(line) {
      transcript.conversationId = textAt(line, "session_id") ?? transcript.conversationId;
      transcript.model = mainModel(line) ?? transcript.model;
      transcript.usage = usageOf(line);
      transcript.costUsd = numberAt(line, "total_cost_usd");
      transcript.status = numberAt(line, "api_error_status");
      transcript.words = {
        ...transcript.words,
        subtype: textAt(line, "subtype"),
        stopReason: textAt(line, "stop_reason"),
        terminalReason: textAt(line, "terminal_reason"),
      };
      transcript.ending = {
        // The one to trust: subtype says success on errors too.
        ok: at(line, "is_error") === false,
        text: textAt(line, "result") ?? listAt(line, "errors").filter(isText).join("\n"),
        turns: countAt(line, "num_turns") ?? 0,
      };
      return written.next();
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
    end({ stderr }) {
      // Before the session has begun the CLI has not seen the prompt: its complaint is about how it was started.
      if (transcript.version === undefined) transcript.complaint = /^error: .{1,200}$/m.exec(stderr)?.[0];
      return [];
    },
  };
}

const isText = (value: Json): value is string => typeof value === "string";

function retryNotice(line: Json): EngineEvent {
  const status = numberAt(line, "error_status");
  const answer = status === undefined ? "the provider could not be reached" : `the provider answered ${status}`;
  const tries = `retry ${numberAt(line, "attempt") ?? "?"} of ${numberAt(line, "max_retries") ?? "?"}`;
  const category = status === undefined ? "NETWORK_ERROR" : categoryOfStatus(RULES, status);
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
