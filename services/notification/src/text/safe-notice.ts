import type { Notice } from "../domain/notice.js";
import { maskSecrets, oneLine } from "./safe-text.js";

/** The longest value of a fact, in characters. */
const VALUE = 1_024;

/**
 * Returns the notice as it is stored: secrets are masked, values are one line and bounded, and links that are not
 * http or https are left out. So no channel gets anything else.
 */
export function safeNotice(notice: Notice): Notice {
  const clean = (text: string): string => oneLine(maskSecrets(text), VALUE);
  const values = (texts: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [oneLine(name, 64), clean(text)]));
  const links = Object.entries(notice.links).filter(([, url]) => isWeb(url));
  return {
    ...notice,
    subject: values(notice.subject),
    facts: values(notice.facts),
    whatToDo: clean(notice.whatToDo),
    links: Object.fromEntries(links.map(([name, url]) => [oneLine(name, 64), maskSecrets(url)])),
    labels: notice.labels.map((label) => oneLine(maskSecrets(label), 128)),
  };
}

function isWeb(url: string): boolean {
  if (!URL.canParse(url)) return false;
  return ["http:", "https:"].includes(new URL(url).protocol);
}
