import {
  type Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from "@grpc/grpc-js";
import type { CallContext } from "./call-context.js";
import { endCallSpan, inCallSpan } from "./call-span.js";
import { type CallerLimits, createCallers, limited } from "./caller-limits.js";
import { refusalFor } from "./failures.js";
import type { Serving } from "./serve-call.js";
import { encodeRefusal } from "./status-details.js";

/**
 * Decides by a call's metadata alone, before a byte of its body is read, whether it is let in: answers who calls, for the bounds on one caller;
 * undefined: whoever is at that address. Throw a `Refusal` to refuse it.
 */
export type Admit = (call: Pick<CallContext, "headers" | "method" | "peer">) => Promise<string | undefined>;

export interface AdmissionOptions {
  readonly admit: Admit;
  readonly limits: CallerLimits;
  readonly nowMs: () => number;
  /** Whether a peer's connection is open. */
  readonly isOpen: (peer: string) => boolean;
}

/** What every call passes before it is served. What waits here holds no more than HTTP/2's window of its body. */
export function createAdmission(
  { admit, limits, nowMs, isOpen }: AdmissionOptions,
  serving: Serving,
): ServerInterceptor {
  const callerOf = createCallers(limits, nowMs);

  return ({ path: method }, call) => {
    const began = nowMs();
    const peer = call.getPeer();
    let over = false;
    let caller: string | undefined;
    let arrived = (): void => undefined;

    const refuse = (headers: Metadata, error: unknown): void => {
      if (over) return;
      over = true;
      arrived();
      const refusal = refusalFor(error, { method, signal: new AbortController().signal }, serving.log);
      const encoded = encodeRefusal(refusal);
      if (refusal.reason === "CALLER_LIMIT") serving.refused(refusal.quota[0]?.subject ?? "");
      serving.observe(method, encoded.code, (nowMs() - began) / 1e3);
      inCallSpan(method)(headers, (span) => endCallSpan(span, encoded.code, encoded.details));
      call.sendStatus(encoded);
    };

    const letIn = async (headers: Metadata, forward: () => void): Promise<void> => {
      const name = (await admit({ headers, method, peer })) ?? peer.slice(0, peer.lastIndexOf(":"));
      if (over) return;
      const state = callerOf(name);
      state.check();
      caller = name;
      let timer: NodeJS.Timeout | undefined;
      const leave = state.begin(() => {
        timer = setTimeout(() => refuse(headers, tooLate(limits.bodyMs)), limits.bodyMs);
        forward();
      });
      arrived = () => {
        clearTimeout(timer);
        leave();
      };
    };

    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((headers, forward) => {
        letIn(headers, () => forward(headers)).catch((error: unknown) => refuse(headers, error));
      })
      .withOnReceiveHalfClose((forward) => {
        arrived();
        forward();
      })
      .withOnCancel(() => {
        arrived();
        const late = Number(call.getDeadline()) <= Date.now();
        // Also called when the answer is out.
        // Its caller may have been forgotten since it began, as one that does nothing.
        if (!over && !late && caller !== undefined) callerOf(caller).abandon(isOpen(peer) ? undefined : peer);
        over = true;
      })
      .build();
    const responder = new ResponderBuilder()
      .withStart((start) => start(listener))
      .withSendStatus((status, send) => {
        over = true;
        send(status);
      })
      .build();
    return new ServerInterceptingCall(call, responder);
  };
}

const tooLate = (bodyMs: number) =>
  limited("unfinished_requests", `sends a request that takes longer than ${bodyMs} ms`, 0);
