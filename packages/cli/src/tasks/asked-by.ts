import { InvalidTaskError } from "@ccsp/client";
import { TASK_OPTIONS } from "./task-options.js";

/** The options by the names that fields have in the API and in refusals, such as `limits.wall_time`. */
const OPTION_OF = new Map([
  ...Object.entries(TASK_OPTIONS).map(([field, [option]]) => [apiName(field), option.long ?? ""] as const),
  ["attachments", "--attach"],
]);

function apiName(field: string): string {
  const snake = field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return snake.replace(/_ms$/, "");
}

/**
 * Says which options asked for what was refused: people know the option that they gave, and not the field of the API.
 * Empty when no option did.
 */
export function askedBy(refused: unknown): readonly string[] {
  const fields =
    refused instanceof InvalidTaskError ? refused.fields.map(({ field }) => field) : fieldsIn(String(refused));
  const names = fields.map((field) => field.replace(/^spec\./, "").replaceAll(/\[.*\].*$/g, ""));
  const options = [...new Set(names.flatMap((name) => OPTION_OF.get(name) ?? []))];
  return options.length === 0 ? [] : [`asked for by ${options.join(", ")}`];
}

/** The fields in an executor's refusal: `a: why; b, c: why`, or `engine e does not support a, b`. */
function fieldsIn(message: string): readonly string[] {
  const unsupported = /does not support (.*)$/.exec(message)?.[1];
  if (unsupported !== undefined) return unsupported.split(", ");
  return message.split("; ").flatMap((fault) => /^([a-z_.,[\]\d ]+): /.exec(fault)?.[1]?.split(", ") ?? []);
}
