import { quoted } from "../output/shell-word.js";

/** What a person who left a submission before its answer has to know. */
export const leftUnanswered = (requestId: string): string =>
  "interrupted before the task was known to be accepted; " +
  `to submit it again without a second one, add --request-id ${quoted(requestId)}`;
