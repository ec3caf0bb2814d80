import type { IncomingMessage } from "node:http";

/** One request as the simulator saw it. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The credential, from `x-api-key` or `authorization: Bearer`; empty when there was none. */
  readonly key: string;
  readonly model: string;
  /** The last text the user typed: no reminders that a CLI adds, no tool results. At most the first MiB of it. */
  readonly prompt: string;
  readonly promptBytes: number;
  /** Texts of the whole conversation, of both sides, oldest first: of the last hundred, 4 KiB each. */
  readonly said: readonly string[];
  /** Tool results sent since that text. */
  readonly toolResults: readonly string[];
  readonly stream: boolean;
  readonly maxTokens: number;
  /** Names of the tools offered. */
  readonly tools: readonly string[];
  readonly system: string;
  /** Status answered; 0 while there is none. */
  status: number;
  /** "cut" when either side broke the connection before the answer's end. */
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

/** The request with its whole prompt beside the bounded record. Throws SyntaxError when the body is not JSON. */
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

/** Looks back over the tool results to the text that started the turn. */
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
