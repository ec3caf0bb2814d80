import { DeliveryError, type FailureKind } from "../domain/channel.js";

/** The kind of failure of an HTTP status, for channels that post to a URL. */
function kindOfStatus(status: number): FailureKind {
  if (status === 429) return "limited";
  if (status >= 500 || status === 408 || status === 425) return "unavailable";
  // A redirect is not followed: it could lead anywhere.
  if ([401, 403, 404, 407, 410].includes(status) || status < 400) return "refused";
  return "invalid";
}

/** Throws what an answer that is not 2xx means. */
export async function failUnlessOk(response: Response, now: Date): Promise<void> {
  if (response.ok) {
    await response.body?.cancel();
    return;
  }
  const { status } = response;
  await response.body?.cancel();
  const redirect = status >= 300 && status < 400 ? ", a redirect, which is not followed" : "";
  const retryAfter = retryAfterMs(response.headers.get("retry-after"), now);
  throw new DeliveryError(kindOfStatus(status), `the answer was ${status}${redirect}`, retryAfter);
}

/** The wait of a `Retry-After` header: seconds or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | null, now: Date): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
