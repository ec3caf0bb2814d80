import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { issueForHost } from "@ccsp/certificates";
import type { BrokeredUse, Provider, RunBrokerHandle, WindowSignal } from "@ccsp/engine-kit";
import { operatorFiles } from "@ccsp/engine-kit/own-files";
import type { Logger } from "pino";
import type { Dispatcher } from "undici";
import { parseTarget } from "../sandbox/allowed-hosts.js";
import type { StandIn } from "../sandbox/sandbox.js";
import { type Meter, type MeteredAnswer, openMeter } from "./meter.js";
import { isOtherThanJson, namedModels, RefusedBody } from "./named-models.js";
import type { BrokeredTask, Observer } from "./observer.js";
import { type Passing, passOn, unless } from "./pass-on.js";
import { createProviders, hostIn } from "./providers.js";
import { admitted, REFUSED, refuse, refuseUnpaid } from "./requests.js";
import { Spent } from "./spent.js";

/** Stands between runs and their providers, and holds the logins. */
export interface Broker {
  /**
   * Opens the way of one run to its provider. `env`: the environment that the engine would have; its proxy and its
   * certificates are those of the broker's own connections. Rejects if the proxy cannot be used.
   */
  open(
    provider: Provider,
    run: { readonly name: string; readonly engine: string; readonly env: Environment },
  ): Promise<BrokeredRun>;
  /** To be called when all runs are over. */
  close(): Promise<void>;
}

export interface BrokeredRun extends StandIn, RunBrokerHandle {
  /**
   * In PEM, all that the engine has to trust besides the certificates that it brings. Undefined: the provider has no TLS.
   */
  readonly trusts: string | undefined;
  /** The run's process has its task. Until then, it can only ask for settings. */
  begin(task: BrokeredTask): void;
  /** Breaks off what is under way. Resolves with what the run has used when all is counted. Never rejects. */
  close(): Promise<BrokeredUse>;
}

type Environment = Readonly<Record<string, string>>;

/** Requests of a run at the same time. The CLI has a handful, and one for each sub-agent. */
const MOST_REQUESTS = 64;
/** Bodies of a run that are held at the same time. A request that would exceed it is not sent once more. */
const MOST_HELD_BYTES = 32 * 1024 * 1024;
/** Models that a run asks before its first answer. The CLI asks one or two. */
const MOST_ASKED = 16;
/** The key is in memory only, so the certificate ends with this process. */
const DAYS = 3_650;

export interface BrokerOptions {
  readonly observer: Observer;
  /** A provider has spoken of the usage windows of an engine's login. */
  readonly onWindows: (engine: string, windows: readonly WindowSignal[]) => void;
  readonly log: Logger;
}

export function createBroker({ observer, onWindows, log }: BrokerOptions): Broker {
  const providers = createProviders();
  /** One for each host, so that a start of a run makes no key. */
  const certificates = new Map<string, ReturnType<typeof issueForHost>>();
  const certificateOf = (host: string) => {
    const made = certificates.get(host) ?? issueForHost(host, DAYS);
    certificates.set(host, made);
    made.catch(() => certificates.delete(host));
    return made;
  };
  return {
    async open(provider, { name, engine, env }) {
      const url = new URL(provider.url);
      const ofRun = log.child({ run: name });
      const more = await moreCertificates(env, ofRun);
      const dispatcher = providers.of(url, env, more);
      const pair = url.protocol === "https:" ? await certificateOf(hostIn(url)) : undefined;
      const tellWindows = (windows: readonly WindowSignal[]) => onWindows(engine, windows);
      return new RunBroker({ provider, url, dispatcher, pair, more, observer, tellWindows, log: ofRun });
    },
    close: () => providers.close(),
  };
}

/** As Node does: a file that cannot be read is no fault of a run. */
async function moreCertificates({ NODE_EXTRA_CA_CERTS: file }: Environment, log: Logger): Promise<string> {
  if (!file) return "";
  return await operatorFiles.readFile(file, "utf8").catch((err: unknown) => {
    log.warn({ err }, "the certificates of NODE_EXTRA_CA_CERTS cannot be read, so they are not trusted");
    return "";
  });
}

interface RunBrokerOptions {
  readonly provider: Provider;
  readonly url: URL;
  readonly dispatcher: Dispatcher;
  readonly pair: Awaited<ReturnType<typeof issueForHost>> | undefined;
  readonly more: string;
  readonly observer: Observer;
  readonly tellWindows: (windows: readonly WindowSignal[]) => void;
  readonly log: Logger;
}

class RunBroker implements BrokeredRun {
  readonly host: StandIn["host"];
  readonly trusts: string | undefined;
  readonly #options: RunBrokerOptions;
  readonly #server: Server;
  /** The server does not know the connections that TLS has not begun. */
  readonly #connections = new Set<Duplex>();
  readonly #over = new AbortController();
  #task: BrokeredTask | undefined;
  #spent = new Spent(undefined);
  #retryAtMs: number | undefined;
  readonly #passing = new Set<Promise<void>>();
  readonly #counting = new Set<Promise<void>>();
  readonly #told = new Set<string>();
  #heldBytes = 0;
  /** The models that were asked before the first answer. */
  readonly #asked = new Set<string>();
  #answered = false;

  constructor(options: RunBrokerOptions) {
    const { url, pair, more } = options;
    const target = parseTarget(url.host, pair ? 443 : 80);
    if (target === undefined) throw new Error(`${url.origin} is no address of a provider`);
    this.#options = options;
    this.host = target;
    this.trusts = pair && `${more}\n${pair.authority}`;
    const answer = (request: IncomingMessage, response: ServerResponse) => this.answer(request, response);
    this.#server = pair
      ? createHttpsServer({ key: pair.key, cert: pair.certificate, ALPNProtocols: ["http/1.1"] }, answer)
      : createHttpServer(answer);
    // A long prompt on a busy host takes its time. A connection that is closed while the engine sends a request would
    // look like a fault of the provider, and their number is limited.
    Object.assign(this.#server, { requestTimeout: 0, keepAliveTimeout: 0 });
    this.#server.on("clientError", (_error, socket) => socket.destroy());
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  begin(task: BrokeredTask): void {
    this.#task = task;
    this.#spent = new Spent(task.budgetUsd);
  }

  async close(): Promise<BrokeredUse> {
    this.#over.abort();
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(this.#passing);
    return this.use;
  }

  get use(): BrokeredUse {
    return { ...this.#spent.use, retryAtMs: this.#retryAtMs };
  }

  hold(why: string | undefined): void {
    this.#spent.hold(why);
  }

  connect(connection: Duplex): void {
    this.#connections.add(connection);
    connection.once("close", () => this.#connections.delete(connection));
    this.#server.emit("connection", connection);
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.#passing.size >= MOST_REQUESTS)
      return this.#refuse(response, `more than ${MOST_REQUESTS} requests at once`);
    const passing = this.#pass(request, response).catch((err: unknown) => {
      if (!this.#over.signal.aborted) this.#tell("a request of a run got no login", { err });
      response.destroy();
    });
    this.#passing.add(passing);
    void passing.finally(() => this.#passing.delete(passing));
  }

  /** Rejects only if the engine has no login to give. */
  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { provider, url, dispatcher } = this.#options;
    // A login may take a minute to be refreshed.
    const asked = await unless(this.#over.signal, admitted(request, { provider, url }));
    if ("refusal" in asked) return this.#refuse(response, asked.refusal);
    if (this.#task === undefined && request.method !== "GET")
      return this.#refuse(response, "this process has no task yet");
    const checks = provider.mayAsk !== undefined && request.method === "POST";
    if (checks && isOtherThanJson(request.headers)) return this.#refuse(response, "a request has to be plain JSON");
    // An answer that has ended counts, although its last piece may still be decoded.
    await Promise.all(this.#counting);
    const unpaid = asked.isMessage ? this.#spent.refusal() : undefined;
    if (unpaid !== undefined) return refuseUnpaid(response, unpaid);
    const { onAnswer, onRefused, end } = this.#task && asked.isMessage ? this.#metered(this.#task) : UNMETERED;
    let counted: Promise<void> | undefined;
    const count = (whole: boolean) => {
      counted ??= end(whole);
      this.#counting.add(counted);
      return counted;
    };
    const { signal } = this.#over;
    const bytes = bytesOf(request);
    const held = asked.renew && this.#heldBytes + bytes <= MOST_HELD_BYTES ? bytes : undefined;
    this.#heldBytes += held ?? 0;
    await passOn(request, response, {
      ...asked,
      renew: held === undefined ? undefined : asked.renew,
      url,
      dispatcher,
      signal,
      check: checks ? namedModels((model) => this.#mayAsk(model)) : undefined,
      onAnswer,
      onEnd: () => void count(true),
      onFault: (err) => {
        const refusal = err instanceof RefusedBody && !response.headersSent ? err.message : undefined;
        if (refusal === undefined)
          return this.#tell("a request of a run broke on its way to its provider or back", { err });
        onRefused();
        this.#refuse(response, refusal);
      },
    });
    this.#heldBytes -= held ?? 0;
    const done = count(false);
    await done;
    this.#counting.delete(done);
  }

  /** Until the first answer, no tool of the task runs: what is asked is the choice of what the operator trusts. */
  #mayAsk(model: string): boolean {
    if (!this.#answered && this.#asked.size < MOST_ASKED) this.#asked.add(model);
    return this.#asked.has(model) || this.#options.provider.mayAsk?.(model) !== false;
  }

  /** Counts a message and its answer. */
  #metered(task: BrokeredTask): Metered {
    const { observer, provider } = this.#options;
    const observed = observer.asked(provider.name, task);
    let status: number | undefined;
    let meter: Meter | undefined;
    return {
      onAnswer: (code, headers) => {
        const { "content-type": contentType = "", "content-encoding": contentEncoding = "" } = headers;
        status = code;
        this.#answered ||= code < 300;
        this.#retryAtMs = code === 429 ? retryAt(headers) : undefined;
        this.#readWindows(code, headers);
        if (provider.counts)
          meter = openMeter({ contentType, contentEncoding }, { onFirstToken: () => observed.firstToken() });
        return meter ?? UNCOUNTED;
      },
      onRefused: () => {
        status = REFUSED;
      },
      end: async (whole) => {
        const answer = (await meter?.end()) ?? { ...NO_ANSWER, complete: whole };
        this.#spent.add(answer);
        observed.ended({ status, answer });
      },
    };
  }

  #readWindows(status: number, headers: IncomingHttpHeaders): void {
    const { provider, tellWindows } = this.#options;
    if (provider.ownLogin || !provider.windowsOf) return;
    try {
      tellWindows(provider.windowsOf({ status, headers }));
    } catch (err) {
      // An engine may be a plugin.
      this.#tell("what an answer says of usage windows could not be read", { err });
    }
  }

  #refuse(response: ServerResponse, why: string): void {
    this.#tell("a request of a run to its provider was refused", { why });
    refuse(response, why);
  }

  /** Once for each kind: a run could fill the log. */
  #tell(what: string, facts: { readonly why?: string; readonly err?: unknown }): void {
    const kind = `${what} ${facts.why ?? ""}`;
    if (!this.#told.has(kind)) this.#options.log.info(facts, what);
    this.#told.add(kind);
  }
}

/** Infinity: only its end tells. */
const bytesOf = ({ headers }: IncomingMessage): number =>
  headers["transfer-encoding"] === undefined ? Number(headers["content-length"] ?? 0) : Infinity;

/** Providers tell seconds. The date that RFC 9110 allows too would be one of their clock. */
function retryAt({ "retry-after": seconds = "" }: IncomingHttpHeaders): number | undefined {
  return /^\d{1,6}$/.test(seconds) ? Date.now() + Number(seconds) * 1_000 : undefined;
}

interface Metered {
  readonly onAnswer: Passing["onAnswer"];
  /** The broker refuses it, when it has seen its body. */
  readonly onRefused: () => void;
  /** `whole`: the provider has ended its answer. */
  readonly end: (whole: boolean) => Promise<void>;
}

const UNCOUNTED = { add() {} };

const UNMETERED: Metered = { onAnswer: () => UNCOUNTED, onRefused() {}, end: async () => {} };

const NO_ANSWER: MeteredAnswer = {
  model: "",
  usage: undefined,
  finishReason: undefined,
  unfinished: 0,
  complete: false,
};
