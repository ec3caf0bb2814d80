import mustache from "mustache";
import type { Format, Rendered } from "../domain/channel.js";
import type { Notice } from "../domain/notice.js";
import { codeIn, escaped, shellWord, withCode } from "./escape.js";
import { oneLine } from "./safe-text.js";
import { ANY_KIND, LANGUAGES, type Language, TEMPLATES, type Template, WORDS } from "./templates.js";

/** Templates of the operator, by kind. They replace the built-in ones of the same kind and language. */
export type Overrides = Readonly<Record<string, Partial<Readonly<Record<Language, Template>>>>>;

export interface RenderOptions {
  readonly format: Format;
  readonly language: Language;
  /** How often the notice was repeated. */
  readonly repeats?: number;
  /** The most characters of the body, with all escapes (UTF-16). */
  readonly longest?: number;
}

/** The longest value in a title. */
const TITLE_VALUE = 200;
/** The longest value in a body: the first one with which what happened and what to do leave room for the rest. */
const BODY_VALUES = [1_024, 512, 256, 128, 64];
const LONGEST = 8_000;

/**
 * Makes the text of a notice. Templates are Mustache, which cannot execute code, and what others wrote is escaped for
 * the format. The same notice and options give the same text. A body that is too long is cut at whole values: long
 * values first, then what is known, so that what happened, what to do and the links stay.
 */
export function render(
  notice: Notice,
  { format, language, repeats = 0, longest = LONGEST }: RenderOptions,
  overrides: Overrides = {},
): Rendered {
  const { title, text, whatToDo } =
    overrides[notice.kind]?.[language] ?? TEMPLATES[notice.kind]?.[language] ?? ANY_KIND[language];
  const words = WORDS[language];
  const fill = (template: string, to: Format, value: number): string =>
    filled(template, viewOf(notice, value, repeats), to);
  const cell = (value: string): string => escaped(oneLine(value, Math.min(1_024, Math.floor(longest / 7))), format);
  const said = { prose: (part: string) => escaped(part, format), code: codeIn(format) };
  const joined = (parts: readonly string[]): string =>
    parts.filter((each) => each !== "").join(format === "html" ? "\n" : "\n\n");

  const leadOf = (value: number): string => {
    const action =
      notice.whatToDo === "" ? fill(whatToDo, format, value) : withCode(oneLine(notice.whatToDo, value), said);
    const shown = action !== "" && notice.action !== "resolves";
    const paragraphs = [
      repeats > 0 ? fill(words.repeats, format, value) : "",
      fill(text === "" ? title : text, format, value),
      shown ? `${strong(words.whatToDo, format)}: ${action}` : "",
    ];
    return joined(paragraphs.map((each) => (each === "" ? "" : paragraph(each, format))));
  };
  const leads = BODY_VALUES.map(leadOf);
  const lead = leads.find((each) => each.length <= longest * 0.75) ?? cutSafely(leads.at(-1) ?? "", longest * 0.75);

  const links: string[] = [];
  for (const [name, url] of Object.entries(notice.links)) {
    const one = link(cell(name), url, format);
    if (joined([lead, ...links, one]).length <= longest) links.push(one);
  }
  const rows: (readonly [string, string])[] = [];
  const known = Object.entries({ [words.severity]: notice.severity, ...notice.subject, ...notice.facts })
    .filter(([, value]) => value !== "")
    .map(([name, value]) => [cell(name), cell(value)] as const);
  const bodyOf = (all: typeof rows, left: number): string => {
    const more = ["…", words.more.replace("{{more}}", String(left))] as const;
    return joined([lead, table(left === 0 ? all : [...all, more], format), ...links]);
  };
  for (const [at, row] of known.entries())
    if (bodyOf([...rows, row], at + 1 < known.length || rows.length < at ? known.length : 0).length <= longest)
      rows.push(row);
  const body = bodyOf(rows, known.length - rows.length);
  return {
    title: oneLine(fill(title, "text", TITLE_VALUE), 1_000),
    body: body.length <= longest ? body : joined([lead, ...links]),
  };
}

/** Cuts a text that has values of the shortest form only: a template of the operator is too long. */
const cutSafely = (text: string, longest: number): string =>
  `${text.slice(0, longest - 1).replace(/(?:[\uD800-\uDBFF]|&[#\w]{0,8}|<[^>]{0,2048})$/, "")}…`;

/** One line of English for lists. */
export const summaryOf = (notice: Notice, repeats = 0): string => {
  const { title } = render(notice, { format: "text", language: "en" });
  return repeats === 0 ? title : `${title} (${repeats} more times)`;
};

/** The places of values in a filled template. No template has these characters. */
const PLACE = /\u{F0000}(\d+)\u{F0001}/gu;

/** Fills a template. A value is escaped by where it stands: in prose, in marks of code, or in a command of ccsp. */
function filled(template: string, view: Record<string, string>, format: Format): string {
  const values: string[] = [];
  const escape = (value: string): string => `\u{F0000}${values.push(value) - 1}\u{F0001}`;
  const text = mustache.render(template, view, undefined, { escape });
  const put = (part: string, to: (value: string) => string): string =>
    part.replace(PLACE, (_place, at: string) => to(values[Number(at)] ?? ""));
  return withCode(text, {
    prose: (part) => put(part, (value) => escaped(value, format)),
    code: (part) =>
      codeIn(format)(put(part, part.startsWith("ccsp ") ? shellWord : (value) => value.replaceAll("`", ""))),
  });
}

/**
 * What a template sees. Its objects have no prototype and no function, so that a template reaches nothing else.
 */
function viewOf(notice: Notice, longest: number, repeats: number): Record<string, string> {
  const { kind, severity, taskId, agentId, subject, facts, time } = notice;
  const about = Object.entries(subject)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const attempt = facts["attempt"] ?? "";
  const attempts = attempt === "1" ? "" : attempt;
  const rest = { kind, severity, task: taskId, agent: agentId, about, attempts, time: time.toISOString() };
  const all = { repeats: String(repeats), ...subject, ...facts, ...rest };
  const lines = Object.entries(all).map(([name, value]) => [name, oneLine(value, longest)]);
  return Object.assign(Object.create(null), Object.fromEntries(lines));
}

function strong(text: string, format: Format): string {
  const forms: Record<Format, string> = {
    text,
    markdown: `**${text}**`,
    slack: `*${text}*`,
    html: `<strong>${text}</strong>`,
  };
  return forms[format];
}

const paragraph = (text: string, format: Format): string => (format === "html" ? `<p>${text}</p>` : text);

function table(rows: readonly (readonly [string, string])[], format: Format): string {
  if (rows.length === 0) return "";
  if (format === "markdown")
    return ["| | |", "| --- | --- |", ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join("\n");
  if (format === "html") {
    const cells = rows.map(([name, value]) => `<tr><td>${name}</td><td>${value}</td></tr>`);
    return `<table>${cells.join("")}</table>`;
  }
  return rows.map(([name, value]) => `${name}: ${value}`).join("\n");
}

function link(name: string, url: string, format: Format): string {
  const plain = url.replace(/[\s<>()"'|\\`[\]]/g, (each) => encodeURIComponent(each).replace(/[()']/g, hex));
  const forms: Record<Format, string> = {
    text: `${name}: ${plain}`,
    markdown: `[${name}](<${plain}>)`,
    slack: `<${plain.replaceAll("&", "&amp;")}|${name}>`,
    html: `<p><a href="${plain.replaceAll("&", "&amp;")}">${name}</a></p>`,
  };
  return forms[format];
}

const hex = (character: string): string => `%${character.charCodeAt(0).toString(16)}`;

/**
 * Returns a template of the operator: the first line is the title, and the rest after an empty line is the text. Throws
 * an Error if it cannot be read, or if it switches escaping off.
 */
export function parseTemplate(source: string): Template {
  const check = (tokens: readonly unknown[]): void => {
    for (const token of tokens) {
      if (!Array.isArray(token)) continue;
      const [type, name, , , inner] = token;
      if (type === "&") throw new Error(`{{{${name}}}} and {{&${name}}} are not allowed: write {{${name}}}`);
      if (type === ">") throw new Error(`{{>${name}}} is not allowed: a template has no partials`);
      if (Array.isArray(inner)) check(inner);
    }
  };
  check(mustache.parse(source));
  const [title = "", ...rest] = source.split("\n");
  if (title.trim() === "") throw new Error("the first line is the title, and it must not be empty");
  return { title: title.trim(), text: rest.join("\n").trim(), whatToDo: "" };
}

/** The name of a template file: `<kind>.<language>.mustache`. */
export function templateName(file: string): { kind: string; language: Language } | undefined {
  const [, kind, language] = /^([a-z0-9._]+)\.([a-z]{2})\.mustache$/.exec(file) ?? [];
  const known = LANGUAGES.find((each) => each === language);
  return kind === undefined || known === undefined ? undefined : { kind, language: known };
}
