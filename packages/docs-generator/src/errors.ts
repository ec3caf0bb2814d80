import { filesLike, readPage } from "./blocks.js";
import { table, withLinks } from "./markdown.js";

/** One value of an enum, with the parts of its comment. */
interface Value {
  readonly name: string;
  readonly means: string;
  readonly again: string;
  readonly advice: string;
}

/** Every reason of a refusal, from the comments of `ErrorReason`. */
export function reasons(): string {
  const rows = valuesOf("ErrorReason", "ERROR_REASON_").map(({ name, means, advice }) => {
    const [, status = "", what = ""] = /^([A-Z_]+): (.*)$/s.exec(means) ?? [];
    if (status === "") throw new Error(`the comment of ${name} does not begin with its status`);
    return [`\`${name}\``, status, sentence(what), advice];
  });
  return table(["reason", "gRPC status", "what it means", "what to do"], rows);
}

/** Every category of a failed run, from the comments of `ErrorCategory`. */
export function categories(): string {
  const rows = valuesOf("ErrorCategory", "ERROR_CATEGORY_").map(({ name, means, again, advice }) => {
    if (again === "") throw new Error(`the comment of ${name} does not say "Tried again:"`);
    return [name, means, again.replace(/\.$/, ""), sentence(advice)];
  });
  return table(["category", "what happened", "tried again", "what to do"], rows);
}

const sentence = (text: string) => text.replace(/^[a-z]/, (first) => first.toUpperCase());

/** The values of an enum but the first, which is never sent. */
function valuesOf(name: string, prefix: string): readonly Value[] {
  const protos = filesLike("proto/*.proto").map(readPage);
  const bodies = protos.flatMap((proto) => new RegExp(`\\nenum ${name} \\{(.*?)\\n\\}`, "s").exec(proto)?.[1] ?? []);
  const [body, ...others] = bodies;
  if (body === undefined || others.length > 0) throw new Error(`there must be one enum ${name}`);
  const entries = [...body.matchAll(new RegExp(`((?: *//.*\\n)+) *${prefix}(\\w+) = [1-9]\\d*;`, "g"))];
  return entries.map(([, comment = "", value = ""]) => {
    const text = comment
      .replaceAll(/^ *\/\/ ?/gm, "")
      .replaceAll("\n", " ")
      .trim();
    const [, means = "", again = "", advice = ""] = /^(.*?)(?: Tried again: (.*?))? Do: (.*)$/.exec(text) ?? [];
    if (advice === "") throw new Error(`the comment of ${value} does not say "Do:"`);
    return { name: value, means, again, advice: withLinks(advice) };
  });
}
