import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DEFAULT_RULES } from "@ccsp/monitor";
import ts from "typescript";

const SOURCE = fileURLToPath(new URL("../../dashboard/src", import.meta.url));

type Word = string | ((...values: number[]) => string) | { readonly [name: string]: Word };

/** What the Japanese page says as the English one does: names, signs, a form to type, and the way to the other language. */
const SAME_IN_BOTH = /^(CPU( 2)?|key=value|[^A-Za-z]*|Show in English)$/;
/** Parts of the page that are shown as they are in any language. */
const NAMES = ["CCSP", "Ctrl K", "CSV", "JSON"];
/** Attributes that people see or hear. */
const SPOKEN = ["aria-label", "title", "label", "placeholder", "alt", "lead", "note"];

/** A module of the dashboard. It is for browsers, so the types of this package do not have it. */
const load = (file: string) => import(pathToFileURL(`${SOURCE}/${file}`).href);

describe("The words of the dashboard", () => {
  let settings: { readonly locale: { value: "en" | "ja" } };
  before(async () => {
    settings = await load("settings.ts");
  });
  afterEach(() => {
    settings.locale.value = "en";
  });

  it("are all in Japanese on the Japanese page, and the same ones as on the English page", async () => {
    const untranslated: string[] = [];
    for (const file of globSync("i18n/*.ts", { cwd: SOURCE })) {
      const module: Readonly<Record<string, unknown>> = await load(file);
      for (const [name, words] of Object.entries(module)) {
        if (!name.endsWith("Words") || typeof words !== "function") continue;
        settings.locale.value = "en";
        const english = said(words());
        settings.locale.value = "ja";
        const japanese = said(words());
        assert.deepEqual([...japanese.keys()], [...english.keys()], file);
        for (const [key, text] of japanese) {
          if (!isJapanese(text)) untranslated.push(`${basename(file)} ${key}: ${text}`);
        }
      }
    }
    assert.deepEqual(untranslated, []);
  });

  it("say every text of a built-in alert rule in Japanese", async () => {
    const { serverText } = await load("i18n/server-texts.ts");
    settings.locale.value = "ja";
    const texts = DEFAULT_RULES.flatMap(({ summary, whatToDo }) => [summary, whatToDo]);
    assert.deepEqual(
      texts.filter((text) => !isJapanese(serverText(text))),
      [],
    );
  });

  it("fill in what a service filled in, with its unit in Japanese, and keep an operator's own text", async () => {
    const { serverText } = await load("i18n/server-texts.ts");
    settings.locale.value = "ja";
    assert.equal(
      serverText("The certificate of the queue queue-1 expires in 2.5 h"),
      "queue queue-1 の証明書はあと 2.5 時間で期限が切れます",
    );
    assert.equal(
      serverText("97 % of the five_hour window of claude-code/team is used: its tasks will soon wait"),
      "claude-code/team の利用枠 five_hour を 97 % 使用しました。まもなくタスクは待機します",
    );
    assert.equal(
      serverText("disk-full: Only 3 % of the disk of the queue queue-1 is free (13 alerts)"),
      "disk-full：queue queue-1 のディスクの空きが 3 % しかありません（アラート 13 件）",
    );
    assert.equal(serverText("The printer is on fire"), "The printer is on fire");
  });

  it("are in i18n, and nowhere in a component", () => {
    const literals = globSync("**/*.tsx", { cwd: SOURCE }).flatMap((file) =>
      literalsOf(readFileSync(`${SOURCE}/${file}`, "utf8")).map((text) => `${file}: ${text}`),
    );
    assert.deepEqual(literals, []);
  });
});

const isJapanese = (text: string): boolean =>
  /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(text) || SAME_IN_BOTH.test(text);

/** Each word of an area by its key, with numbers where it has values. */
function said(word: Word, key = ""): Map<string, string> {
  if (typeof word === "string") return new Map([[key, word]]);
  if (typeof word === "function") return new Map([[key, word(2, 3, 4, 5)]]);
  return new Map(
    Object.entries(word).flatMap(([name, inner]) => [...said(inner, key === "" ? name : `${key}.${name}`)]),
  );
}

/** What a component says without a word of i18n. */
function literalsOf(source: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node)) found.push(node.text.trim());
    if (ts.isJsxAttribute(node) && SPOKEN.includes(node.name.getText()) && node.initializer)
      ts.forEachChild(node, function literal(inner) {
        if (ts.isStringLiteral(inner) && inner.parent === node) found.push(inner.text);
        if (ts.isJsxExpression(inner))
          ts.forEachChild(inner, (value) => void (ts.isStringLiteralLike(value) && found.push(value.text)));
      });
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("component.tsx", source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX));
  return found.filter((text) => /\p{L}/u.test(text) && !NAMES.includes(text));
}
