import { CallError } from "@ccsp/grpc-kit/client.js";
import { CliError, EXIT } from "../process/exit.js";

/** What a person types for each field of a rule. */
const OPTION: Readonly<Record<string, string>> = {
  name: "the name",
  metric: "--metric",
  condition: "--when",
  threshold: "--when",
  matchers: "--match",
  fire_after: "--for",
  keep_firing_for: "--keep",
  severity: "--severity",
  labels: "--label",
  summary: "--summary",
  what_to_do: "--what-to-do",
  channels: "--channel",
};

/** The refusal of a rule, with the options in place of the fields of the request. Other errors stay as they are. */
export function withOptionNames(error: unknown): unknown {
  if (!(error instanceof CallError) || error.reason !== "INVALID_FIELD" || error.fields.length === 0) return error;
  const faults = error.fields.map(({ field, description }) => {
    const [, name = ""] = /^rule\.(\w+)/.exec(field) ?? [];
    return `${OPTION[name] ?? field} ${description}`;
  });
  return new CliError(EXIT.usage, faults.join("; "));
}
