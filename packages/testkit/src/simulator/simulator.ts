import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { sendAnswer } from "./answer.js";
import { type Behaviour, type Fault, type Raw, windowHeaders } from "./behaviour.js";
import { createGate, type Gate } from "./gate.js";
import { MarkerError, readMarkers, withoutMarkers } from "./markers.js";
import { type RecordedRequest, readRequest } from "./request.js";
import { type AddScript, createScripts } from "./scripts.js";

export interface Simulator {
  /** The base URL for a client, for example in ANTHROPIC_BASE_URL. */
  readonly url: string;
  readonly port: number;
  /**
   * All received requests, oldest first: model calls, token counts and all others. Only the last `keepRequests` of
   * them.
   */
  readonly requests: readonly RecordedRequest[];
  /**
   * Sets behaviours for the next matching model calls, one per call. They take precedence over the markers of a prompt.
   */
  readonly script: AddScript;
  /**
   * Makes a gate that holds answers until the test releases them. Use it in a script, or put its marker into a prompt.
   */
  gate(): Gate;
  /** Deletes all scripts, gates, counts and records, and releases held answers. */
  reset(): void;
  /** Breaks all connections and frees the port. */
  close(): Promise<void>;
}

export interface SimulatorOptions {
  /** 0, the default, chooses a free port. */
  readonly port?: number;
  readonly host?: string;
  readonly keepRequests?: number;
}

const MAX_BODY = 64 * 1024 * 1024;
const KEEP_REQUESTS = 2000;
const KEEP_COUNTS = 10_000;

/**
 * Starts an Anthropic Messages API on loopback. Prompts or scripts decide what it does. It costs nothing and needs no
 * network.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const requests: RecordedRequest[] = [];
  const scripts = createScripts();
  const gates = new Map<string, Gate>();
  const refused = new Map<string, number>();
  const keep = options.keepRequests ?? KEEP_REQUESTS;
  const closing = new AbortController();
  let gateCount = 0;
  let calls = 0;

  const server = createServer({ noDelay: true, requestTimeout: 0 }, (request, response) => {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    handle(request, response, AbortSignal.any([gone.signal, closing.signal])).catch((error: unknown) => {
      if (gone.signal.aborted || closing.signal.aborted) return;
      sendError(response, 500, "api_error", `simulator: ${String(error)}`);
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const body = await readBody(request);
    const { record, prompt } = readRequest(request, body);
    requests.push(record);
    if (requests.length > keep) requests.shift();
    response.on("close", () => {
      record.status = response.headersSent ? response.statusCode : 0;
      record.outcome = response.writableFinished ? "sent" : "cut";
    });
    if (record.method === "POST" && record.path === "/v1/messages")
      return await callModel(record, prompt, response, signal);
    if (record.method === "POST" && record.path === "/v1/messages/count_tokens") {
      return sendJson(response, 200, { input_tokens: Math.ceil(body.length / 4) });
    }
    if (record.method === "HEAD" || record.path === "/") return sendJson(response, 200, {});
    sendError(response, 404, "not_found_error", `the simulator has no ${record.method} ${record.path}`);
  }

  async function callModel(
    record: RecordedRequest,
    prompt: string,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    const behaviour = choose(record, prompt);
    if (behaviour instanceof MarkerError) return sendError(response, 400, "invalid_request_error", behaviour.message);
    if (behaviour.kind === "silence") return await silence(signal);
    if (behaviour.kind === "fault") {
      await behaviour.gate?.pass(signal);
      return sendFault(response, behaviour);
    }
    if (behaviour.kind === "raw") return sendRaw(response, behaviour);
    const id = `sim${String(++calls).padStart(8, "0")}`;
    const echo = `You said: ${withoutMarkers(prompt)}`;
    const context = { response, model: record.model, prompt, echo, stream: record.stream, id, signal };
    await sendAnswer(behaviour, behaviour.tool !== undefined && record.toolResults.length === 0, context);
  }

  function choose(record: RecordedRequest, prompt: string): Behaviour | MarkerError {
    const scripted = scripts.take(record);
    if (scripted) return scripted;
    try {
      const { refusals, answer } = readMarkers(prompt, gates);
      const refusal = refusals.find((fault, index) => !spent(fault.times, `${index} ${prompt}`));
      if (refusal) return refusal;
      if (answer.stopAfter === undefined || !spent(answer.stopAfter.times, `stop ${prompt}`)) return answer;
      const { stopAfter: _over, ...well } = answer;
      return well;
    } catch (error) {
      if (error instanceof MarkerError) return error;
      throw error;
    }
  }

  /**
   * Counts per prompt and not per session. So an engine's own retry and the next attempt of a task both use up one
   * refusal.
   */
  function spent(times: number | undefined, key: string): boolean {
    if (times === undefined) return false;
    const count = refused.get(key) ?? 0;
    if (count >= times) return true;
    refused.set(key, count + 1);
    const [oldest] = refused.keys();
    if (refused.size > KEEP_COUNTS && oldest !== undefined) refused.delete(oldest);
    return false;
  }

  function reset(): void {
    for (const gate of gates.values()) gate.release();
    gates.clear();
    scripts.clear();
    refused.clear();
    requests.length = 0;
  }

  server.listen(options.port ?? 0, options.host ?? "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://${options.host ?? "127.0.0.1"}:${port}`,
    port,
    requests,
    script: scripts.add,
    gate() {
      const gate = createGate(String(++gateCount));
      gates.set(String(gateCount), gate);
      return gate;
    },
    reset,
    async close() {
      closing.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error(`request body over ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function silence(signal: AbortSignal): Promise<void> {
  await once(signal, "abort");
}

function sendFault(response: ServerResponse, fault: Fault): void {
  const headers = { ...fault.headers, ...(fault.window ? windowHeaders(fault.window, Date.now()) : {}) };
  sendError(response, fault.status, fault.type, fault.message, headers);
}

function sendRaw(response: ServerResponse, { status, contentType, body }: Raw): void {
  response.writeHead(status, { "content-type": contentType }).end(body);
}

function sendError(response: ServerResponse, status: number, type: string, message: string, headers = {}): void {
  sendJson(response, status, { type: "error", error: { type, message } }, headers);
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
