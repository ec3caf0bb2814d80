import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { Transform } from "node:stream";
import { buffer } from "node:stream/consumers";
import { finished, pipeline } from "node:stream/promises";
import type { Dispatcher } from "undici";
import { withoutHop } from "../sandbox/host-proxy.js";
import type { Admitted } from "./requests.js";

export interface Passing extends Admitted {
  readonly url: URL;
  readonly dispatcher: Dispatcher;
  /** Aborts at the end of the run. */
  readonly signal: AbortSignal;
  /** The body of the request passes through it. If it fails, the request does not reach the provider whole. */
  readonly check: Transform | undefined;
  /** Called when the answer begins. Gets the pieces of its body as they pass. */
  readonly onAnswer: (status: number, headers: IncomingHttpHeaders) => { add(chunk: Uint8Array): void };
  /** Called when the provider has ended its answer: the run may have it all before the response here is over. */
  readonly onEnd: () => void;
  /** Called when no answer came or it broke, unless the run went away. It may answer in the provider's place. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Passes a request on, and its answer back, as they come: with back-pressure, and unchanged but for the headers of a
 * connection. With `renew`, the body is held until the answer is over: the request goes on when it is whole, and once more
 * if the provider refuses its login and there is another. What breaks on one side breaks on the other: engines know a
 * connection that breaks, and a status would look like the provider's. Never rejects.
 */
export async function passOn(request: IncomingMessage, response: ServerResponse, passing: Passing): Promise<void> {
  const { url, path, headers, renew, dispatcher, signal, check, onAnswer, onEnd, onFault } = passing;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  if (response.destroyed) gone.abort();
  try {
    // undici hears an abort only when it has a connection.
    const over = AbortSignal.any([signal, gone.signal]);
    const hasBody = headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
    const body = check ? request.pipe(check) : request;
    const whole = renew && hasBody ? await unless(over, buffer(body)) : undefined;
    const ask = (withLogin: IncomingHttpHeaders) => {
      const asking = dispatcher.request({
        origin: url.origin,
        path,
        method: request.method === "GET" ? "GET" : "POST",
        headers: withLogin,
        body: hasBody ? (whole ?? body) : null,
        signal: over,
        // The model may think for as long as the run may last.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      return unless(over, asking);
    };
    let answer = await ask(headers);
    const renewed = renew && answer.statusCode === 401 ? await unless(over, renew()) : undefined;
    if (renewed !== undefined) {
      await answer.body.dump();
      answer = await ask(renewed);
    }
    response.writeHead(answer.statusCode, withoutHop(answer.headers));
    response.flushHeaders();
    const meter = onAnswer(answer.statusCode, answer.headers);
    const watched = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        meter.add(chunk);
        done(null, chunk);
      },
      flush(done) {
        onEnd();
        done();
      },
    });
    await pipeline(answer.body, watched, response);
  } catch (error) {
    if (!signal.aborted && !gone.signal.aborted) onFault(error);
    if (!response.writableEnded) response.destroy();
  }
  // The provider may answer before it has read the request. The connection can go on when the rest is read.
  request.resume();
  await finished(request, { writable: false, signal }).catch(() => {});
}

/** Rejects when the signal aborts. What becomes of the work then is unheard. */
export async function unless<T>(over: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(over.reason);
  over.addEventListener("abort", abort, { once: true });
  if (over.aborted) abort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    over.removeEventListener("abort", abort);
  }
}
