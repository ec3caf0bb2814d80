import { Refusal } from "@ccsp/errors";
import { type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { encodeRefusal } from "../wire/status-details.js";
import type { ObserveCall } from "./metrics.js";

/**
 * Gives the reason MESSAGE_TOO_LARGE to a request over the limit, and counts it. grpc-js refuses it before any handler
 * and interceptor sees it, with a status that has no details, through the `sendStatus` of its own innermost call. So this
 * is the first interceptor of a server.
 */
export function explainTooLarge(maxBytes: number, observe: ObserveCall): ServerInterceptor {
  return ({ path }, call) => {
    const began = performance.now();
    const send = call.sendStatus.bind(call);
    call.sendStatus = (answer) => {
      if (answer.code !== status.RESOURCE_EXHAUSTED || !/^Received message .*larger than/.test(answer.details ?? ""))
        return send(answer);
      const refusal = encodeRefusal(new Refusal("MESSAGE_TOO_LARGE", `the request is larger than ${maxBytes} bytes`));
      observe(path, refusal.code, (performance.now() - began) / 1e3);
      return send(refusal);
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- grpc-js uses only the interface of what it gets
    return call as ServerInterceptingCall;
  };
}
