import { randomInt } from "node:crypto";
import { Refusal } from "@ccsp/errors";

/** Whether Redis refused a command since its memory is at `maxmemory`. */
export const isAtLimit = (error: Error): boolean => error.name === "ReplyError" && /(^|-)OOM\b/.test(error.message);

const SUBJECT = "memory of Redis";
const DESCRIPTION = "is full (maxmemory): nothing new is stored until tasks have ended and been forgotten";

/** QUEUE_FULL, for what Redis has no memory for. Only new work meets it. */
export const memoryFull = (cause?: Error): Refusal =>
  new Refusal("QUEUE_FULL", `${SUBJECT} ${DESCRIPTION}`, {
    // Spread, so that those who were refused together do not come back together.
    retryAfterMs: 1_000 + randomInt(2_000),
    quota: [{ subject: SUBJECT, description: DESCRIPTION }],
    cause,
  });
