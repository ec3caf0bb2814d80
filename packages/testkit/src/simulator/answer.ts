import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import type { Answer, Usage } from "./behaviour.js";
import { windowHeaders } from "./behaviour.js";
import { hugePieces, hugeText, pieces, words } from "./text.js";

export interface AnswerContext {
  readonly response: ServerResponse;
  readonly model: string;
  readonly prompt: string;
  readonly echo: string;
  readonly stream: boolean;
  readonly id: string;
  /** Aborts when the client disconnects or the simulator closes. */
  readonly signal: AbortSignal;
}

const HUGE_PIECE = 8 * 1024;
const PLAIN_PIECE = 256;
const BYTES_A_TOKEN = 4;
/**
 * A client that receives the data and the end of the connection in one read may drop the data. A real break comes
 * later.
 */
const BEFORE_CUT_MS = 50;

/** Sends the answer, or the part that the behaviour allows. Rejects if the client disconnects. */
export async function sendAnswer(answer: Answer, useTool: boolean, context: AnswerContext): Promise<void> {
  const gate = answer.gate;
  if (gate && answer.gateAfter === undefined) await gate.pass(context.signal);
  const headers = {
    "request-id": `req_${context.id}`,
    ...(answer.window ? windowHeaders(answer.window, Date.now()) : {}),
  };
  if (context.stream) await sendEvents(answer, useTool, headers, context);
  else await sendWhole(answer, useTool, headers, context);
}

async function sendWhole(
  answer: Answer,
  useTool: boolean,
  headers: Record<string, string>,
  context: AnswerContext,
): Promise<void> {
  const text = answer.hugeBytes === undefined ? (answer.text ?? context.echo) : hugeText(answer.hugeBytes);
  const tool = useTool ? answer.tool : undefined;
  const asked = tool && { type: "tool_use", id: `toolu_${context.id}`, name: tool.name, input: tool.input };
  const said = tool?.say === undefined ? [] : [{ type: "text", text: tool.say }];
  const message = {
    ...messageStart(answer, context),
    content: asked ? [...said, asked] : [{ type: "text", text }],
    stop_reason: stopReason(answer, tool !== undefined),
    usage: usage(answer.usage, context.prompt, Buffer.byteLength(text)),
  };
  context.response.writeHead(200, { "content-type": "application/json", ...headers });
  const json = JSON.stringify(message);
  await write(answer.stopAfter ? json.slice(0, json.length / 2) : json, answer.splitBytes, context);
  if (answer.stopAfter) await stop(answer.stopAfter.how, context);
  context.response.end();
}

async function sendEvents(
  answer: Answer,
  useTool: boolean,
  headers: Record<string, string>,
  context: AnswerContext,
): Promise<void> {
  const { response } = context;
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    ...headers,
  });
  const send = (type: string, data: Record<string, unknown>): Promise<void> =>
    write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`, answer.splitBytes, context);

  await send("message_start", { message: messageStart(answer, context) });
  const tool = useTool ? answer.tool : undefined;
  let bytes = 0;
  let index = 0;
  if (tool) {
    const { name, input, say } = tool;
    const json = JSON.stringify(input);
    bytes = json.length;
    if (say !== undefined) {
      await send("content_block_start", { index, content_block: { type: "text", text: "" } });
      await send("content_block_delta", { index, delta: { type: "text_delta", text: say } });
      await send("content_block_stop", { index });
      index = 1;
    }
    const block = { type: "tool_use", id: `toolu_${context.id}`, name, input: {} };
    await send("content_block_start", { index, content_block: block });
    await send("content_block_delta", { index, delta: { type: "input_json_delta", partial_json: json } });
  } else {
    await send("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
    for await (const text of paced(answer, context)) {
      bytes += Buffer.byteLength(text);
      await send("content_block_delta", { index: 0, delta: { type: "text_delta", text } });
    }
    if (answer.stopAfter) return await stop(answer.stopAfter.how, context);
  }
  await send("content_block_stop", { index });
  const { output_tokens } = usage(answer.usage, context.prompt, bytes);
  const delta = { stop_reason: stopReason(answer, tool !== undefined), stop_sequence: null };
  await send("message_delta", { delta, usage: { output_tokens } });
  await send("message_stop", {});
  response.end();
}

const stopReason = (answer: Answer, tool: boolean): string => (tool ? "tool_use" : (answer.stopReason ?? "end_turn"));

/**
 * Yields the deltas at the requested rate. It stops at the gate until the test opens it, and ends where the answer
 * stops.
 */
async function* paced(answer: Answer, context: AnswerContext): AsyncGenerator<string> {
  const text = answer.text ?? context.echo;
  const parts =
    answer.hugeBytes !== undefined
      ? hugePieces(answer.hugeBytes, HUGE_PIECE)
      : answer.tokensPerSecond === undefined
        ? pieces(text, PLAIN_PIECE)
        : words(text);
  const gate = answer.gateAfter === undefined ? undefined : answer.gate;
  const marks = [answer.gateAfter, answer.stopAfter?.characters].filter((mark) => mark !== undefined);
  let sent = 0;
  for (const part of cutAt(parts, marks)) {
    if (gate && sent === answer.gateAfter) await gate.pass(context.signal);
    if (answer.stopAfter && sent >= answer.stopAfter.characters) return;
    yield part;
    sent += part.length;
    if (answer.tokensPerSecond !== undefined)
      await sleep(1000 / answer.tokensPerSecond, undefined, { signal: context.signal });
  }
}

/** Returns the same parts with an additional cut at each mark. */
function* cutAt(parts: Iterable<string>, marks: readonly number[]): Generator<string> {
  let start = 0;
  for (const part of parts) {
    const inside = marks.map((mark) => mark - start).filter((mark) => mark > 0 && mark < part.length);
    const edges = [0, ...inside.toSorted((a, b) => a - b), part.length];
    for (const [index, edge] of edges.entries()) {
      const piece = part.slice(edges[index - 1] ?? 0, edge);
      if (piece !== "") yield piece;
    }
    start += part.length;
  }
}

async function stop(how: "hang" | "cut", { response, signal }: AnswerContext): Promise<void> {
  if (how === "hang") await once(signal, "abort");
  await sleep(BEFORE_CUT_MS, undefined, { signal });
  response.destroy();
}

async function write(text: string, splitBytes: number | undefined, context: AnswerContext): Promise<void> {
  if (splitBytes === undefined) return await writeChunk(text, context);
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += splitBytes) {
    await writeChunk(bytes.subarray(start, start + splitBytes), context);
    // Waits one turn of the event loop after each piece, so that the pieces are sent one by one.
    await immediate();
  }
}

/** Waits if the client reads more slowly than the simulator writes. */
async function writeChunk(chunk: string | Buffer, { response, signal }: AnswerContext): Promise<void> {
  signal.throwIfAborted();
  if (!response.write(chunk)) await once(response, "drain", { signal });
}

function messageStart(answer: Answer, context: AnswerContext): Record<string, unknown> {
  return {
    id: `msg_${context.id}`,
    type: "message",
    role: "assistant",
    model: context.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage(answer.usage, context.prompt, 0), output_tokens: 1 },
  };
}

function usage(wanted: Usage | undefined, prompt: string, outputBytes: number) {
  return {
    input_tokens: wanted?.input ?? Math.ceil(Buffer.byteLength(prompt) / BYTES_A_TOKEN),
    output_tokens: wanted?.output ?? Math.ceil(outputBytes / BYTES_A_TOKEN),
    cache_read_input_tokens: wanted?.cacheRead ?? 0,
    cache_creation_input_tokens: wanted?.cacheWrite ?? 0,
  };
}
