import { call } from "../api.js";
import { comma, number } from "../format.js";
import { queueWords } from "../i18n/queue.js";
import type { Answer } from "../routes.js";
import { who } from "../work/task-state.js";

export type Limit = Answer<"GET /queue/limits">["limits"][number];
export type LimitValue = NonNullable<Limit["value"]>;

/** As `ccsp limit list` writes it. */
export function valueWords(value: LimitValue | undefined): string {
  const word = queueWords();
  if (value?.weight !== undefined) return number(value.weight);
  const { startsPerMinute: starts = 0, tokensPerMinute: tokens = 0 } = value?.rate ?? {};
  const parts = [
    starts > 0 && word.perMinute(number(starts, 3)),
    tokens > 0 && word.tokensPerMinute(number(tokens, 3)),
  ];
  return parts.filter(Boolean).join(comma()) || word.anyNumber;
}

/** Without a value, the limit is again what the settings say. Answers what it is now, in words. */
export async function setLimit(
  name: string,
  change: { value?: LimitValue; endAfter?: string },
  why: string,
): Promise<string> {
  const { limits } = await call("PUT /queue/limits", { body: { changes: [{ name, ...change }], who: who(), why } });
  return queueWords().changed(name, valueWords(limits[0]?.value));
}
