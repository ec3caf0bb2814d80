import {
  at,
  categoryOfStatus,
  countAt,
  type EngineEvent,
  emptyTranscript,
  type Json,
  listAt,
  numberAt,
  parseObject,
  type RunExit,
  type RunReader,
  textAt,
  type Usage,
} from "@ccsp/engine-kit";
import { createDenials } from "./denials.js";
import { type ClaudeWord, RULES } from "./rules.js";
import { createTurns } from "./turns.js";
import { createSpent, larger, tokensOf } from "./usage.js";
import { createUsageSoFar } from "./usage-so-far.js";
import { windowsOf } from "./windows.js";
import { createWritten } from "./written.js";

/** The model name in messages that the CLI writes itself. */
const SYNTHETIC = "<synthetic>";

/**
 * Subtypes of `system` lines that do not concern the answer. The reader ignores them. It counts other subtypes as not
 * understood.
 */
const KNOWN_SYSTEM: ReadonlySet<string> = new Set([
  "status",
  "background_tasks_changed",
  "thinking_tokens",
  "compact_boundary",
  "informational",
  "model_fallback",
  "model_refusal_fallback",
  "model_refusal_no_fallback",
  "task_started",
  "task_progress",
  "task_updated",
  "task_notification",
  "task_summary",
  "hook_started",
  "hook_progress",
  "hook_response",
  "notification",
  "commands_changed",
]);

/** Creates a reader for the output of `--output-format stream-json --verbose --include-partial-messages`. */
export const createTranscriptReader = (): RunReader<ClaudeWord> => new TranscriptReader();

type Events = readonly EngineEvent[];

class TranscriptReader implements RunReader<ClaudeWord> {
  readonly transcript = emptyTranscript<ClaudeWord>();
  readonly #written = createWritten();
  readonly #turns = createTurns();
  readonly #spent = createSpent();
  readonly #soFar = createUsageSoFar();
  readonly #denials = createDenials();

  /** By the type of the line. */
  readonly #readers: Readonly<Record<string, (line: Json) => Events | undefined>> = {
    system: (line) => this.#system(line),
    stream_event: (line) => this.#streamEvent(line),
    assistant: (line) => this.#assistant(line),
    user: (line) => toolsEnded(line),
    /**
     * These lines report prompts that the CLI gives itself. For example, the model may ask for a prompt that wakes it
     * (2.1.332).
     */
    command_lifecycle: () => [],
    rate_limit_event: (line) => this.#rateLimit(line),
    result: (line) => this.#result(line),
  };

  read(bytes: Buffer): Events | undefined {
    const line = parseObject(bytes);
    const type = textAt(line, "type");
    if (line === undefined || type === undefined || !Object.hasOwn(this.#readers, type)) return undefined;
    const events = this.#readers[type]?.(line);
    this.transcript.ending = this.#turns.ending;
    return events;
  }

  end({ stderr, code }: RunExit): Events {
    const { transcript } = this;
    transcript.ending = this.#turns.exit(code) ?? transcript.ending;
    // Before the session begins, the CLI has not seen the prompt. So this message is about how the CLI was started.
    if (transcript.version === undefined) transcript.complaint = /^error: .{1,200}$/m.exec(stderr)?.[0];
    return [];
  }

  #system(line: Json): Events | undefined {
    const subtype = textAt(line, "subtype") ?? "";
    if (subtype === "init") return this.#begin(line);
    if (subtype === "background_tasks_changed") this.#turns.tasks(line);
    if (subtype === "permission_denied") return this.#denials.now(line);
    if (subtype === "api_retry") return [retryNotice(line)];
    return KNOWN_SYSTEM.has(subtype) ? [] : undefined;
  }

  #begin(line: Json): Events {
    const { transcript } = this;
    this.#turns.begin();
    // The error of an earlier turn must not explain a failure of this turn.
    transcript.words = { ...transcript.words, error: undefined };
    transcript.version = textAt(line, "claude_code_version");
    transcript.conversationId = textAt(line, "session_id");
    transcript.model ??= textAt(line, "model");
    return [];
  }

  #streamEvent(line: Json): Events {
    // The text of a sub-agent is not part of the answer.
    if (textAt(line, "parent_tool_use_id") !== undefined) return [];
    const type = textAt(line, "event", "type");
    if (type === "message_start") {
      this.#soFar.begin(at(line, "event", "message"));
      this.#countMessages();
      return this.#written.begin(textAt(line, "event", "message", "id"));
    }
    if (type === "message_delta") return this.#told(this.#soFar.end(at(line, "event", "usage")));
    if (type === "content_block_start") return this.#written.next();
    if (textAt(line, "event", "delta", "type") !== "text_delta") return [];
    return this.#worked(this.#written.add(textAt(line, "event", "delta", "text") ?? ""));
  }

  #assistant(line: Json): Events {
    const { transcript } = this;
    if (textAt(line, "message", "model") === SYNTHETIC) {
      transcript.words = { ...transcript.words, error: textAt(line, "error") };
      return [];
    }
    const ours = textAt(line, "parent_tool_use_id") === undefined;
    const id = textAt(line, "message", "id");
    const events = listAt(line, "message", "content").flatMap((block): Events => {
      const type = textAt(block, "type");
      if (type === "text" && ours) return this.#worked(this.#written.stands(id, textAt(block, "text") ?? ""));
      if (type !== "tool_use") return [];
      transcript.worked = true;
      const toolId = textAt(block, "id");
      return [{ type: "tool", name: textAt(block, "name") ?? "", ...(toolId !== undefined && { id: toolId }) }];
    });
    return [...events, ...this.#told(this.#soFar.whole(at(line, "message"), ours))];
  }

  /** `news`: the counts changed at the end of a message. */
  #told(news: boolean): Events {
    this.#countMessages();
    const { usage, costUsd, model = "" } = this.transcript;
    if (!news || this.#soFar.usage === undefined) return [];
    // Until its result, the CLI does not say what a run costs. A run with background work has several results.
    return [{ type: "usage", turns: this.#soFar.turns, usage, costUsd, model }];
  }

  /**
   * A run that is stopped, or that crashes, has no result for its last messages. Their counts are then what is known.
   * The results before may count more, because they also have the requests for which the CLI writes no message.
   */
  #countMessages(): void {
    this.#count(larger(this.transcript.usage, this.#soFar.usage));
  }

  /** A cost of 0 is that of the tokens that results counted. What other tokens cost is not known. */
  #count(usage: Usage | undefined): void {
    const { usage: counted, costUsd } = this.#spent;
    this.transcript.usage = usage;
    this.transcript.costUsd = costUsd === 0 && tokensOf(usage) > tokensOf(counted) ? undefined : costUsd;
  }

  #rateLimit(line: Json): Events {
    const { transcript } = this;
    transcript.windows = windowsOf(line, transcript.windows);
    const status = textAt(line, "rate_limit_info", "status");
    const name = textAt(line, "rate_limit_info", "rateLimitType");
    const seconds = countAt(line, "rate_limit_info", "resetsAt");
    // The CLI (2.1.197) also writes `rejected` for a burst of requests of one login. Then it names no window.
    const closed = status === "rejected" && (name !== undefined || seconds !== undefined);
    transcript.words = { ...transcript.words, window: closed ? status : undefined };
    transcript.retryAtMs = closed && seconds !== undefined ? seconds * 1000 : undefined;
    if (!closed) return [];
    return [{ type: "notice", category: "USAGE_WINDOW", message: `the ${name ?? "usage"} window is closed` }];
  }

  #result(line: Json): Events {
    const { transcript } = this;
    this.#turns.end(line);
    const counts = this.#spent.add(line);
    transcript.conversationId = textAt(line, "session_id") ?? transcript.conversationId;
    transcript.model = this.#spent.model ?? transcript.model;
    this.#count(counts ? this.#spent.usage : (transcript.usage ?? this.#spent.usage));
    transcript.finishReason = textAt(line, "stop_reason");
    transcript.status = numberAt(line, "api_error_status");
    transcript.words = {
      ...transcript.words,
      subtype: textAt(line, "subtype"),
      stopReason: textAt(line, "stop_reason"),
      terminalReason: textAt(line, "terminal_reason"),
    };
    const events = this.#denials.add(line);
    transcript.denials = this.#denials.all;
    return [...events, ...this.#written.next()];
  }

  #worked(events: Events): Events {
    if (events.some((event) => event.type === "text" && event.text !== "")) this.transcript.worked = true;
    return events;
  }
}

/** The CLI gives the model the results of tools as lines of the user. */
const toolsEnded = (line: Json): Events =>
  listAt(line, "message", "content").flatMap((block): Events => {
    const id = textAt(block, "tool_use_id");
    if (textAt(block, "type") !== "tool_result" || id === undefined) return [];
    return [{ type: "tool-ended", id, failed: at(block, "is_error") === true }];
  });

function retryNotice(line: Json): EngineEvent {
  const status = numberAt(line, "error_status");
  const answer = status === undefined ? "the provider could not be reached" : `the provider answered ${status}`;
  const tries = `retry ${numberAt(line, "attempt") ?? "?"} of ${numberAt(line, "max_retries") ?? "?"}`;
  const category = status === undefined ? "NETWORK_ERROR" : categoryOfStatus(RULES, status);
  return { type: "notice", category, message: `${answer}; ${tries}` };
}
