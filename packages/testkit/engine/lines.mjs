import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { VERSION } from "./command-line.mjs";

/**
 * Writes output as the CLI does: one JSON object per line. If `splitBytes` is set, it writes in pieces of that many
 * bytes.
 */
export function createOutput({ flags, session, splitBytes }) {
  const streaming = flags.outputFormat === "stream-json";

  async function raw(text) {
    const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text);
    const step = splitBytes || bytes.length || 1;
    for (let start = 0; start < bytes.length; start += step) {
      if (!process.stdout.write(bytes.subarray(start, start + step))) await once(process.stdout, "drain");
      if (splitBytes) await new Promise(setImmediate);
    }
  }

  const line = async (message) => {
    if (streaming) await raw(`${JSON.stringify({ ...message, session_id: session.id, uuid: randomUUID() })}\n`);
  };

  const event = async (event) => {
    if (flags.partial) await line({ type: "stream_event", event, parent_tool_use_id: null });
  };

  return {
    raw,
    line,
    event,
    async init() {
      await line({
        type: "system",
        subtype: "init",
        cwd: process.cwd(),
        tools: ["Bash", "Edit", "Read", "Write"],
        mcp_servers: [],
        model: flags.model,
        permissionMode: "default",
        apiKeySource: "ANTHROPIC_API_KEY",
        claude_code_version: VERSION,
      });
      await line({ type: "system", subtype: "status", status: "requesting" });
    },
    async assistant(content, message = {}, rest = {}) {
      const common = { id: `msg_${randomUUID()}`, type: "message", role: "assistant", model: flags.model };
      await line({
        type: "assistant",
        message: { ...common, content: [content], ...message },
        parent_tool_use_id: null,
        ...rest,
      });
    },
    async toolResult(id, content) {
      const result = { tool_use_id: id, type: "tool_result", content, is_error: false };
      await line({ type: "user", message: { role: "user", content: [result] }, parent_tool_use_id: null });
    },
    /** Returns the result line as text, for markers that damage it. */
    resultLine: (result) => `${JSON.stringify({ ...result, session_id: session.id, uuid: randomUUID() })}\n`,
    async result(result) {
      if (flags.outputFormat === "text") await raw(`${result.result}\n`);
      else await raw(this.resultLine(result));
    },
  };
}

const PRICE = { input: 5e-6, output: 25e-6 };
const NOTHING = { input: 0, output: 0 };

/** Makes a result as the CLI reports it. With `fault` it is an error. */
export function resultOf({ text, model, startedMs, usage = NOTHING, turns = 1, fault }) {
  const named = fault?.subtype !== undefined;
  const cost = usage.input * PRICE.input + usage.output * PRICE.output;
  const durationMs = Date.now() - startedMs;
  return {
    type: "result",
    subtype: fault?.subtype ?? "success",
    is_error: fault !== undefined,
    ...(named ? { errors: [text] } : { api_error_status: fault?.status ?? null, result: text }),
    duration_ms: durationMs,
    duration_api_ms: fault ? 0 : durationMs,
    num_turns: turns,
    stop_reason: fault ? "stop_sequence" : "end_turn",
    total_cost_usd: cost,
    usage: {
      input_tokens: usage.input,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: usage.output,
    },
    modelUsage: usage === NOTHING ? {} : { [model]: modelUsage(usage, cost) },
    permission_denials: [],
    ...(named && fault.terminal === undefined ? {} : { terminal_reason: fault?.terminal ?? "completed" }),
  };
}

function modelUsage({ input, output }, costUSD) {
  return { inputTokens: input, outputTokens: output, cacheReadInputTokens: 0, cacheCreationInputTokens: 0, costUSD };
}
