import type { PriorityName } from "@ccsp/client";
import { PRIORITIES } from "@ccsp/client/plain";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { InvalidArgumentError } from "commander";

/** The most urgent first. */
export const CLASS_NAMES: readonly PriorityName[] = ["urgent", "high", "normal", "low"];

export const isClass = (name: string): name is PriorityName => Object.hasOwn(PRIORITIES, name);

/** For commander: a class by its name. */
export function priority(name: string): Priority {
  if (!isClass(name)) throw new InvalidArgumentError(`It must be one of ${CLASS_NAMES.join(", ")}.`);
  return PRIORITIES[name];
}

export const className = (value: Priority): string => Priority[value]?.toLowerCase() ?? `class ${value}`;
