import type { IncomingMessage } from "node:http";

/** One request as the simulator received it. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The credential from `x-api-key` or from `authorization: Bearer`. Empty if there was none. */
  readonly key: string;
  readonly model: string;
  /**
   * The last text that the user typed, without reminders that a CLI adds and without tool results. At most its first
   * MiB.
   */
  readonly prompt: string;
  readonly promptBytes: number;
  /** The texts of both sides of the conversation, oldest first. Only the last hundred texts, and 4 KiB of each. */
  readonly said: readonly string[];
  /** The tool results that came after that text. */
  readonly toolResults: readonly string[];
  readonly stream: boolean;
  readonly maxTokens: number;
  /** The names of the offered tools. */
  readonly tools: readonly string[];
  readonly system: string;
  /** The HTTP status of the answer. 0 if no answer was sent yet. */
  status: number;
  /** "cut" if either side broke the connection before the end of the answer. */
  outcome: "running" | "sent" | "cut";
}

interface Block {
  readonly type?: string;
  readonly text?: string;
  readonly content?: string | readonly Block[];
}

interface Message {
  readonly role?: string;
  readonly content?: string | readonly Block[];
}

interface Body {
  readonly model?: string;
  readonly stream?: boolean;
  readonly max_tokens?: number;
  readonly system?: string | readonly Block[];
  readonly tools?: readonly { readonly name?: string }[];
  readonly messages?: readonly Message[];
}

const KEPT_PROMPT = 1024 * 1024;
const KEPT_SYSTEM = 64 * 1024;
const KEPT_TEXTS = 100;
const KEPT_TEXT = 4 * 1024;

/** Returns a size-limited record of the request, and its whole prompt. Throws SyntaxError if the body is not JSON. */
export function readRequest(request: IncomingMessage, body: string): { record: RecordedRequest; prompt: string } {
  const parsed: Body = body === "" ? {} : JSON.parse(body);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
  const { prompt, toolResults } = lastTurn(parsed.messages ?? []);
  const record: RecordedRequest = {
    method: request.method ?? "",
    path: (request.url ?? "").split("?")[0] ?? "",
    headers,
    key: headers["x-api-key"] ?? headers["authorization"]?.replace(/^Bearer /i, "") ?? "",
    model: parsed.model ?? "",
    prompt: prompt.slice(0, KEPT_PROMPT),
    promptBytes: Buffer.byteLength(prompt),
    said: (parsed.messages ?? []).flatMap(typed).slice(-KEPT_TEXTS),
    toolResults,
    stream: parsed.stream === true,
    maxTokens: parsed.max_tokens ?? 0,
    tools: (parsed.tools ?? []).map((tool) => tool.name ?? ""),
    system: blocks(parsed.system).map(textOf).join("\n").slice(0, KEPT_SYSTEM),
    status: 0,
    outcome: "running",
  };
  return { record, prompt };
}

/** Searches backwards, past the tool results, for the text that started the turn. */
function lastTurn(messages: readonly Message[]): { prompt: string; toolResults: string[] } {
  const toolResults: string[] = [];
  for (const message of messages.toReversed()) {
    if (message.role !== "user") continue;
    const content = blocks(message.content);
    const results = content.filter((block) => block.type === "tool_result");
    toolResults.unshift(...results.map(textOf));
    const typed = content.filter((block) => block.type === "text").map(textOf);
    const text =
      results.length > 0 ? undefined : typed.findLast((line) => !line.trimStart().startsWith("<system-reminder>"));
    if (text !== undefined) return { prompt: text, toolResults };
  }
  return { prompt: "", toolResults };
}

const typed = ({ content }: Message): readonly string[] =>
  blocks(content)
    .filter(({ type }) => type === "text")
    .map((block) => textOf(block).slice(0, KEPT_TEXT));

function blocks(content: string | readonly Block[] | undefined): readonly Block[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
}

function textOf(block: Block): string {
  return (
    block.text ??
    blocks(block.content)
      .map((inner) => inner.text ?? "")
      .join("")
  );
}
