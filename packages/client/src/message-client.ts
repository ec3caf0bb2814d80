import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { type CallOptions, createClient } from "@ccsp/grpc-kit/client.js";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { Task, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type Caller, type CallSettings, createCaller } from "./caller.js";
import { createDoubt } from "./doubt.js";
import { answered, CcspError, InvalidTaskError } from "./errors.js";
import { isRecord } from "./fields.js";
import { type Agent, followRun, followTask, type RunEntry } from "./follow.js";
import { type ListFilter, toFilter } from "./list-filter.js";
import { createScheduleCalls } from "./schedule-calls.js";
import { checkListSettings, checkSubmitSettings } from "./settings.js";
import { type Submitted, toSubmitted } from "./submitted.js";
import { STATES, type TaskStateName } from "./task.js";
import { type TaskInput, toSpec } from "./task-input.js";
import { type TaskTrace, toTaskTrace } from "./task-trace.js";
import { type ClientTls, tlsCredentials } from "./tls.js";
import { createTokenSource, type Token } from "./token.js";
import { createUsageCalls } from "./usage-calls.js";

export interface ClientOptions {
  /** gRPC target of the gateway: `host:port`, `dns:///…`, or another scheme that this process has registered. */
  readonly target: string;
  /** The token of the agent, or a function that returns it. Either this or `tokenFile` is needed. */
  readonly token?: Token | undefined;
  /** A file that holds the token. The client reads it again for each call, so another program can renew it. */
  readonly tokenFile?: string | undefined;
  /**
   * Connects with TLS 1.3. `{}` is enough when this machine trusts the authority that signed the gateway's certificate.
   * Without this option, the connection is not encrypted.
   */
  readonly tls?: ClientTls | undefined;
  /**
   * How long calls and streams keep trying while no gateway can be reached, in milliseconds. Default: 60 s. It counts
   * as soon as a gateway has answered this client once, or has taken a call of it.
   */
  readonly resumeMs?: number;
  /**
   * The same for a client that has reached no gateway yet, because its target may be wrong. Default: 2 s, or
   * `resumeMs` if that is shorter. Use more if your program may start before the gateway.
   */
  readonly connectMs?: number;
}

export interface SubmitSettings extends CallSettings {
  /**
   * Makes the submission safe to repeat for 24 hours, also from another process. The client makes one up when it is
   * absent.
   */
  readonly requestId?: string | undefined;
}

export interface ListSettings extends CallSettings, ListFilter {
  /** Only tasks in one of these states. */
  readonly states?: readonly TaskStateName[] | undefined;
  /** Number of tasks per call to the server, 1 to 500. Default: 50. */
  readonly pageSize?: number | undefined;
}

export interface Capabilities {
  /** Names of the engines. The first is the default. */
  readonly engines: readonly string[];
  readonly maxPromptBytes: number;
  /** Version of the gateway. */
  readonly version: string;
  /** Id of the agent, as the gateway read it from the token. */
  readonly agentId: string;
  readonly scopes: readonly string[];
}

/** One task of a batch. */
export type BatchInput = TaskInput & { readonly requestId?: string };

export interface WatchSettings extends CallSettings {
  /** The log begins after the entry of this sequence. */
  readonly afterSequence?: number;
}

/**
 * The calls of an agent, of which those about tasks and schedules return messages of the protocol. `CcspClient` says
 * what each call does. `ccsp` uses it, because it prints messages in their JSON form.
 */
export type MessageClient = ReturnType<typeof createMessageClient>;

/** Opens no connection before the first call. */
export function createMessageClient(options: ClientOptions) {
  const { target, tls, resumeMs = 60_000, connectMs = Math.min(2_000, resumeMs) } = options;
  const tokens = createTokenSource(options);
  const agent = createClient(AgentServiceService, target, {
    ...(tls && { credentials: tlsCredentials(tls), serverName: tls.serverName }),
    // The caller repeats calls itself, and so knows whether a try got no answer.
    channelOptions: { "grpc.enable_retries": 0 },
  });
  const closing = new AbortController();
  // Every call listens to this signal. Node takes more than ten listeners for a leak and prints a warning on the
  // agent's stderr.
  setMaxListeners(0, closing.signal);
  const caller = createCaller({ target, tokens, resumeMs, connectMs, closed: closing.signal });
  return {
    ...createTaskCalls(agent, caller),
    ...createUsageCalls(agent, caller),
    schedules: createScheduleCalls(agent, caller),

    async capabilities(settings: CallSettings = {}): Promise<Capabilities> {
      const answer = await caller.unary(settings, (options) => agent.getCapabilities({}, options));
      return { ...answer, maxPromptBytes: Number(answer.maxPromptBytes) };
    },

    /** Ends all calls with a CcspError of reason CALL_CANCELLED. */
    close() {
      // grpc-js lets streams run when their channel is closed, so the signal ends them.
      closing.abort(new CcspError("CALL_CANCELLED", "the client was closed"));
      agent.close();
    },
  };
}

const checkList = checkListSettings(STATES);

interface Item {
  readonly spec: TaskSpec;
  readonly requestId: string;
}

/** One task of a batch as a part of the request, or what is wrong with it: the others are submitted all the same. */
function toItem(input: BatchInput): Item | { readonly error: CcspError } {
  try {
    // `toSpec` throws the error for an input that is not an object.
    if (!isRecord(input)) return { spec: toSpec(input), requestId: "" };
    const { requestId = randomUUID(), ...task } = input;
    checkSubmitSettings({ requestId });
    return { spec: toSpec(task), requestId };
  } catch (error) {
    if (error instanceof InvalidTaskError) return { error };
    throw error;
  }
}

function createTaskCalls(agent: Agent, caller: Caller) {
  return {
    async *run(task: TaskInput, settings: SubmitSettings = {}): AsyncGenerator<RunEntry, void> {
      checkSubmitSettings(settings);
      const request = { ...settings, spec: toSpec(task), requestId: settings.requestId ?? randomUUID() };
      yield* followRun(agent, caller, request);
    },

    async submit(task: TaskInput, settings: SubmitSettings = {}): Promise<Task> {
      checkSubmitSettings(settings);
      const request = { spec: toSpec(task), requestId: settings.requestId ?? randomUUID() };
      const doubt = createDoubt([request.requestId]);
      const response = await caller.unary(settings, (options) => agent.submitTask(request, options), doubt);
      return answered(response.task, "a task");
    },

    watch: (taskId: string, { afterSequence = 0, ...settings }: WatchSettings = {}) =>
      followTask(agent, caller, { taskId, afterSequence, ...settings }),

    async get(taskId: string, settings: CallSettings = {}): Promise<Task> {
      const call = (options: CallOptions) => agent.getTask({ taskId }, options);
      return answered((await caller.unary(settings, call)).task, "a task");
    },

    async *list(given: ListSettings = {}): AsyncGenerator<Task, void> {
      checkList(given);
      const { states = [], pageSize = 0, ...settings } = given;
      const filter = toFilter(settings);
      let pageToken = "";
      do {
        const request = { states: states.map((name) => STATES[name]), pageSize, pageToken, filter };
        const page = await caller.unary(settings, (options) => agent.listTasks(request, options));
        yield* page.tasks;
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
    },

    async cancel(taskId: string, reason = "", settings: CallSettings = {}): Promise<Task> {
      const call = (options: CallOptions) => agent.cancelTask({ taskId, reason }, options);
      return answered((await caller.unary(settings, call, createDoubt())).task, "a task");
    },

    async submitMany(tasks: readonly BatchInput[], settings: CallSettings = {}): Promise<Submitted[]> {
      const read = tasks.map(toItem);
      const items = read.flatMap((each) => ("error" in each ? [] : [each]));
      const doubt = createDoubt(items.map(({ requestId }) => requestId));
      const call = (options: CallOptions) => agent.submitTasks({ tasks: items }, options);
      // A call without a task is the server's to answer, but there is nothing to ask if all are wrong.
      const asked = items.length > 0 || tasks.length === 0;
      const outcomes = asked ? (await caller.unary(settings, call, doubt)).outcomes.values() : [].values();
      return read.map((each): Submitted => {
        if ("error" in each) return each;
        return toSubmitted(outcomes.next().value ?? { outcome: undefined }, each.requestId, doubt.lost);
      });
    },

    async retry(taskId: string, reason = "", settings: CallSettings = {}): Promise<Task> {
      const call = (options: CallOptions) => agent.retryTask({ taskId, reason }, options);
      return answered((await caller.unary(settings, call, createDoubt())).task, "a task");
    },

    explain: (taskId: string, settings: CallSettings = {}) =>
      caller.unary(settings, (options) => agent.explainTask({ taskId }, options)),

    async trace(taskId: string, settings: CallSettings = {}): Promise<TaskTrace> {
      return toTaskTrace(await caller.unary(settings, (options) => agent.getTaskTrace({ taskId }, options)));
    },

    estimate: (task: TaskInput, settings: CallSettings = {}) =>
      caller.unary(settings, (options) => agent.estimateTask({ spec: toSpec(task) }, options)),
  };
}
