import { CompleteRequest, FailRequest, ReleaseRequest } from "@ccsp/protos/ccsp/queue/v1/attempt.js";
import type { Ending, LeaseId } from "../domain/queue.js";
import { toTaskError, toTaskResult, toUsage, toWindows } from "./messages.js";

/** The request that tells the queue how an attempt ended. */
export type EndMessage =
  | { readonly how: "complete"; readonly message: CompleteRequest }
  | { readonly how: "fail"; readonly message: FailRequest }
  | { readonly how: "release"; readonly message: ReleaseRequest };

export const HOW_IT_ENDS = ["complete", "fail", "release"] as const satisfies readonly Ending["how"][];

export function toEndMessage({ taskId, fence }: LeaseId, ending: Ending): EndMessage {
  if (ending.how === "complete") {
    const { conversationId: engineConversationId, transcriptFault = "", windows } = ending.result;
    const said = { engineConversationId, transcriptFault, windows: toWindows(windows) };
    const message = { taskId, fence, result: toTaskResult(ending.engine, ending.result), ...said };
    return { how: "complete", message };
  }
  if (ending.how === "release") return { how: "release", message: { taskId, fence, reason: ending.reason } };
  const { failure, usage, costUsd, model = "", windows } = ending.failed;
  const used = { usage: toUsage(usage), costUsd, model, windows: toWindows(windows) };
  return { how: "fail", message: { taskId, fence, error: toTaskError(failure), ...used } };
}

/** Throws if a number of a plugin is not a number. */
export function encodeEnd(end: EndMessage): Uint8Array {
  if (end.how === "complete") return CompleteRequest.encode(end.message).finish();
  if (end.how === "fail") return FailRequest.encode(end.message).finish();
  return ReleaseRequest.encode(end.message).finish();
}

/** Throws if the bytes are no such message. */
export function decodeEnd(how: Ending["how"], bytes: Uint8Array): EndMessage {
  if (how === "complete") return { how, message: CompleteRequest.decode(bytes) };
  if (how === "fail") return { how, message: FailRequest.decode(bytes) };
  return { how, message: ReleaseRequest.decode(bytes) };
}
