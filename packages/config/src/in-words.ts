import type { SettingDescription } from "./settings.js";

const SIZES = [
  ["GiB", 1024 ** 3],
  ["MiB", 1024 ** 2],
  ["KiB", 1024],
] as const;

/** The values that a setting may have, for people: with the size of large numbers, and without bounds that say nothing. */
export const formInWords = ({ form }: Pick<SettingDescription, "form">): string =>
  form
    .replace(/ of at least (?:0|0ms)$/, "")
    .replaceAll(/(?<= (?:from|to|least) )\d+/g, (number) => `${number}${size(number)}`);

/** Formats a default for help and docs; large numbers get a unit. Empty if there is no default. */
export function defaultInWords({ default: value = "", defaultIs, required }: SettingDescription): string {
  if (required) return "none; required";
  return defaultIs ?? `${value}${size(value)}`;
}

/** " (32 MiB)" for a number of bytes in whole KiB, MiB or GiB. Other settings of this size are round decimal numbers. */
function size(value: string): string {
  const bytes = /^\d+$/.test(value) ? Number(value) : 0;
  const unit = SIZES.find(([, unitBytes]) => bytes >= unitBytes && bytes % unitBytes === 0);
  return unit === undefined ? "" : ` (${bytes / unit[1]} ${unit[0]})`;
}
