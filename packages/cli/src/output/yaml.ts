import { Document, isScalar, Scalar, visit } from "yaml";
import { printableText } from "../process/printable.js";

/**
 * One YAML document, which begins with `---`. A text with characters that would control a terminal is in double quotes,
 * where they are escaped, so the document keeps its value.
 */
export function yamlDocument(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, node) {
      if (isScalar(node) && typeof node.value === "string" && needsQuotes(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return `---\n${printableText(document.toString({ lineWidth: 0 }))}`;
}

/** The library itself quotes control characters, but not the marks of writing direction. */
const needsQuotes = (text: string): boolean => printableText(text) !== text;
