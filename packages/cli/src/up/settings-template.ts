import { defaultInWords, formInWords, type SettingDescription } from "@ccsp/config";
import type { SettingGroup } from "./known-settings.js";

const WIDTH = 110;

const HEAD = `Settings of the local fleet, for \`ccsp up\`. Written by \`ccsp init\`.

Form: NAME=value, one in a line. A line that begins with # is a comment. A line of \`#NAME=value\` shows the default:
remove the # to change it. The comment above it says what the setting means and which values it may have. A variable
of the environment with the same name wins. Run \`ccsp up\` again after a change. Settings of OpenTelemetry
(OTEL_EXPORTER_OTLP_ENDPOINT and others) may be here too. Keep this file private: it may have a key.`;

/** The text of a settings file: the given values, and every other setting as a comment with its default. */
export function settingsText(groups: readonly SettingGroup[], values: Readonly<Record<string, string>>): string {
  const sections = groups.map(({ title, settings }) =>
    [`# --- ${title} ---`, ...settings.map((setting) => entry(setting, values[setting.name]))].join("\n\n"),
  );
  return `${[comment(HEAD), ...sections].join("\n\n")}\n`;
}

function entry(setting: SettingDescription, value: string | undefined): string {
  const { name, doc, default: fallback = "" } = setting;
  const line = value === undefined ? `#${name}=${quoted(fallback)}` : `${name}=${quoted(value)}`;
  return `${comment([doc, valueOf(setting)].filter(Boolean).map(wrapped).join("\n"))}\n${line}`;
}

/** What configuration.md says of its value, as far as the line with the default does not show it. */
function valueOf(setting: SettingDescription): string {
  const form = formInWords(setting);
  const fallback = defaultInWords(setting);
  const facts = [
    form === "text" ? "" : `Value: ${form}.`,
    fallback === (setting.default ?? "") ? "" : `Default: ${fallback}.`,
  ];
  return facts.filter(Boolean).join(" ");
}

/** Node's parser takes a value in quotes as it is. A value with all three kinds of quotes cannot be written. */
function quoted(value: string): string {
  if (/^[\w./:,@%+=-]*$/.test(value)) return value;
  const quote = ["'", "`", '"'].find((each) => !value.includes(each));
  if (quote === undefined || value.includes("\n"))
    throw new Error("a value with three kinds of quotes cannot be stored");
  // In double quotes, \n is a line end for the parser.
  return `${quote}${value}${quote}`;
}

const comment = (text: string): string =>
  text
    .split("\n")
    .map((line) => `# ${line}`.trimEnd())
    .join("\n");

/** Breaks a text between words. */
function wrapped(text: string): string {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length < WIDTH) lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}
