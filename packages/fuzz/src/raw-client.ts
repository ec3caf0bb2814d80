import { rawRpc } from "@ccsp/e2e-kit/rpcs.js";
import { CallError, createClient } from "@ccsp/grpc-kit";
import { status } from "@grpc/grpc-js";
import type { FuzzedRpc } from "./rpcs.js";

/** Sends bytes as the request of any RPC. */
export interface RawClient {
  /** Resolves to how the call ended. A stream is left after its first message. */
  call(rpc: FuzzedRpc, request: Buffer): Promise<Outcome>;
  close(): void;
}

export interface Outcome {
  readonly code: status;
  readonly message: string;
  /** The first message of the answer. */
  readonly answer: Uint8Array | undefined;
}

type Options = NonNullable<Parameters<typeof createClient>[2]>;
type Metadata = () => Promise<Record<string, string>>;

/** Streams and Sync wait for news. They may end without any. */
const NEWS_MS = 1_000;
/** All other calls are answered, also by a machine under load. */
const ANSWER_MS = 20_000;

/** Whether a call may wait for news until its deadline. */
export const waits = ({ path, method }: FuzzedRpc): boolean => method.methodKind !== "unary" || path.endsWith("/Sync");

/** `options` are those of any other client of the service, such as its credentials. */
export function createRawClient(
  rpcs: readonly FuzzedRpc[],
  target: string,
  options: Options = {},
  metadata: Metadata = () => Promise.resolve({}),
): RawClient {
  const unary = rpcs.filter(({ method }) => method.methodKind === "unary").map(({ path }) => path);
  const streams = rpcs.filter(({ method }) => method.methodKind !== "unary").map(({ path }) => path);
  const table = <S extends boolean>(paths: readonly string[], responseStream: S) =>
    Object.fromEntries(paths.map((path) => [path, rawRpc(path, responseStream)]));
  const answers = createClient(table(unary, false as const), target, options);
  const watches = createClient(table(streams, true as const), target, options);
  return {
    async call(rpc, request) {
      const { path, method } = rpc;
      const bytes = { bytes: request };
      const how = { timeoutMs: waits(rpc) ? NEWS_MS : ANSWER_MS, metadata: await metadata() };
      try {
        if (method.methodKind === "unary") {
          const answer = await answers[path]?.(bytes, how);
          return { code: status.OK, message: "", answer: answer?.bytes };
        }
        for await (const answer of watches[path]?.(bytes, how) ?? [])
          return { code: status.OK, message: "", answer: answer.bytes };
        return { code: status.OK, message: "", answer: undefined };
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        return { code: error.code, message: error.message, answer: undefined };
      }
    },
    close() {
      answers.close();
      watches.close();
    },
  };
}
