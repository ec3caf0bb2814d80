import assert from "node:assert/strict";
import { bareNotice } from "../domain/notice.js";
import { parseTemplate, render } from "./render.js";
import { safeNotice } from "./safe-notice.js";
import { maskSecrets } from "./safe-text.js";
import { TEMPLATES } from "./templates.js";

const notice = bareNotice({
  id: "1",
  kind: "session.timeout",
  time: new Date(0),
  subject: { engine: "claude-code", account: "team" },
  facts: { executor: "e1" },
});

describe("the text of a notice", () => {
  it("exists for each kind in English and in Japanese, and its templates can be read", () => {
    for (const [kind, { en, ja }] of Object.entries(TEMPLATES)) {
      for (const { title, text, whatToDo } of [en, ja])
        assert.doesNotThrow(() => parseTemplate(`${title}\n${text}${whatToDo}`), kind);
      assert.equal(en.whatToDo === "", ja.whatToDo === "", kind);
    }
    assert.match(
      render(notice, { format: "text", language: "ja" }).title,
      /^claude-code（team） のログインが切れました/,
    );
  });

  it("is in the words of the operator's template, which cannot switch escaping off or reach code", () => {
    const template = parseTemplate("Login {{account}}\n\nLook at {{constructor}}{{__proto__}}{{toString}}!");
    const { title, body } = render(
      { ...notice, subject: { account: "<b>" } },
      { format: "html", language: "en" },
      { "session.timeout": { en: template } },
    );
    assert.equal(title, "Login <b>");
    assert.match(body, /^<p>Look at !<\/p>/);
    assert.throws(() => parseTemplate("{{{account}}}"), /not allowed: write \{\{account\}\}/);
    assert.throws(() => parseTemplate("{{#a}}{{&account}}{{/a}}"), /not allowed/);
    assert.throws(() => parseTemplate("{{>other}}"), /no partials/);
    assert.throws(() => parseTemplate("\ntext"), /first line is the title/);
  });

  it("has names and commands that can be copied: no sign stands in them that is not part of them", () => {
    const names = { engine: "claude-code", account: "my_team@example.com", executor: "gpu#1" };
    for (const format of ["text", "markdown", "slack", "html"] as const) {
      const { body } = render({ ...notice, subject: names, facts: {} }, { format, language: "en" });
      const [, command = ""] = /(?:`|<code>)(ccsp [^`<]*)/.exec(body) ?? [];
      assert.equal(command, "ccsp session confirm claude-code/my_team@example.com", format);
      const table = body.slice(body.indexOf("severity"));
      if (format === "markdown") assert.match(table, /\| `my_team@example\.com` \|.*\| `gpu#1` \|/s);
      else assert.match(table, /my_team@example\.com.*gpu#1/s);
    }
    const evil = { ...notice, subject: { engine: "x", account: "a`; rm -rf $(y) 'z" } };
    const { body } = render(evil, { format: "markdown", language: "en" });
    assert.match(body, /`ccsp session confirm x\/'a; rm -rf \$\(y\) z'`/);
    // What to do of the monitor names commands too.
    const said = { ...notice, whatToDo: "Run `ccsp session confirm a/b_c_` _now_, or ` wait" };
    const slack = render(said, { format: "slack", language: "en" }).body;
    assert.match(slack, /Run `ccsp session confirm a\/b_c_` \u200b_\u200bnow\u200b_\u200b, or \u200b`\u200b wait/);
  });

  it("has at most 8,000 characters: what is known is cut first, and what to do stays", () => {
    const facts = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`fact-${at}`, "<&>_".repeat(255)]));
    const links = { board: "https://x.example/board" };
    for (const format of ["text", "markdown", "slack", "html"] as const) {
      const { body } = render({ ...notice, facts, links }, { format, language: "en" });
      assert.ok(body.length <= 8_000 && body.length > 5_000, `${format}: ${body.length}`);
      assert.match(body, /ccsp session confirm[^]*fact[^]*x\.example/);
      assert.match(body, /…: \d\d more\b|<td>…<\/td><td>\d\d more<\/td>|\| … \| \d\d more \|/);
    }
  });

  it("says the number of repeats", () => {
    const { body } = render(notice, { format: "text", language: "en", repeats: 9_999 });
    assert.match(body, /9999 more times since the last message/);
  });

  it("links only to the web, and to nothing that ends the link", () => {
    const links = { ok: "https://a.example/x)|>y", bad: "javascript:alert(1)" };
    const { body } = render(safeNotice({ ...notice, links }), { format: "markdown", language: "en" });
    assert.match(body, /\[ok\]\(<https:\/\/a\.example\/x%29%7C%3Ey>\)/);
    assert.doesNotMatch(body, /javascript/);
  });

  it("shows no secret in any of its known forms", () => {
    const secrets = [
      "sk-ant-api03-abcdefghijklmnopqrstuvwxyz",
      "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
      "xoxb-123456789012-abcdefghijkl",
      "AKIAIOSFODNN7EXAMPLE",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
      "Bearer abcdefgh12345678",
      "password=hunter2hunter2",
      '"api_key": "abcdefgh"',
      "https://user:secretpass@host.example/",
    ];
    const bare = /api03|ghp_|xoxb|AKIA|eyJ|abcdefgh|hunter2|secretpass/;
    for (const secret of secrets) assert.doesNotMatch(maskSecrets(`x ${secret} y`), bare);
    const stored = safeNotice({ ...notice, facts: { message: secrets.join(" ") }, whatToDo: secrets.join(" ") });
    assert.doesNotMatch(JSON.stringify(stored), bare);
    assert.equal(
      maskSecrets("The token of ann has expired, 3 tokens left"),
      "The token of ann has expired, 3 tokens left",
    );
  });

  // 64 KiB of `-eyJ` once took 17 s, and 16 times as much takes 256 times as long.
  it("is masked in proportion to its length, also when others chose the text", () => {
    const pieces = ["-eyJ", "-eyJaaaaaaaa.", "://a:", "-----BEGIN ", "bearer ", "token ", "token: ", "-AKIA", "a", " "];
    for (const piece of pieces) maskSecrets(piece.repeat(2 ** 20 / piece.length));
    assert.equal(maskSecrets(`${"-eyJ".repeat(2 ** 18)}.${"a".repeat(8)}.b`), "-***");
  });
});
