import { type Command, Option } from "commander";
import { wholeNumber } from "./option-values.js";

export interface LimitOptions {
  readonly limit: number;
  readonly all?: true;
}

const MOST_ON_A_PAGE = 500;

export function withLimit(command: Command): Command {
  return command
    .addOption(new Option("--limit <number>", "most tasks to show").argParser(wholeNumber(1)).default(20))
    .addOption(new Option("--all", "show every task").conflicts("limit"));
}

export const limitOf = ({ limit, all }: LimitOptions): number => (all ? Number.POSITIVE_INFINITY : limit);

/** One more than the limit, which shows whether there are more. */
export const pageSizeFor = (limit: number): number => Math.min(limit + 1, MOST_ON_A_PAGE);
