import assert from "node:assert/strict";
import stringWidth from "string-width";
import { stateColour } from "./colour.js";
import { type Column, tableLines } from "./table.js";

interface Row {
  readonly id: string;
  readonly state: string;
  readonly engine: string;
  readonly prompt: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: "ID", value: ({ id }) => id },
  { header: "STATE", value: ({ state }) => state, colour: stateColour },
  { header: "ENGINE", value: ({ engine }) => engine, min: 8, drop: 1 },
  { header: "WHOLE", value: ({ id }) => `0-${id}`, only: "wide" },
  { header: "PROMPT", value: ({ prompt }) => prompt, min: 12, wanted: 30 },
];
const ROWS: readonly Row[] = [
  {
    id: "p6r8s0t1",
    state: "RUNNING",
    engine: "claude-code",
    prompt: "日本語のリポジトリを一文で要約してください。長い説明は要りません",
  },
  {
    id: "p6r8s0t2",
    state: "FAILED",
    engine: "claude-code",
    prompt: "🚀👩‍👩‍👧‍👦 ship the release to every customer and tell the team when it is done 🎉",
  },
  { id: "p6r8s0t3", state: "QUEUED", engine: "opencode", prompt: "e\u0301te\u0301" },
];
const NARROW = { wide: false, colour: false };

describe("A table", () => {
  for (const width of [40, 80, 200]) {
    it(`of Japanese text and emoji fits ${width} columns, and its columns begin at the same place`, () => {
      const lines = tableLines(COLUMNS, ROWS, { ...NARROW, width });
      for (const line of lines) assert.ok(stringWidth(line) <= width, `${stringWidth(line)}: ${line}`);
      const at = lines[0]?.indexOf("PROMPT") ?? -1;
      const starts = ["日本", "🚀", "e\u0301t"].map((text, i) =>
        stringWidth((lines[i + 1] ?? "").split(text)[0] ?? ""),
      );
      assert.deepEqual(starts, [at, at, at]);
    });
  }

  it("leaves columns out before it cuts others, and cuts with an ellipsis between characters", () => {
    const [headers, japanese, emoji] = tableLines(COLUMNS, ROWS, { ...NARROW, width: 40 });
    assert.equal(headers, "ID        STATE    PROMPT");
    assert.equal(japanese, "p6r8s0t1  RUNNING  日本語のリポジトリを…");
    assert.equal(emoji, "p6r8s0t2  FAILED   🚀👩‍👩‍👧‍👦 ship the releas…");
    assert.match(tableLines(COLUMNS, ROWS, { ...NARROW, width: 80 })[0] ?? "", /ENGINE/);
  });

  it("leaves out no more columns than the wanted width of another needs", () => {
    const headersAt = (width: number) => tableLines(COLUMNS, ROWS, { ...NARROW, width })[0]?.split(/ {2,}/);
    // ID 8, STATE 7, ENGINE at least 8, PROMPT 30, and 2 between them.
    assert.deepEqual(headersAt(59), ["ID", "STATE", "ENGINE", "PROMPT"]);
    assert.deepEqual(headersAt(58), ["ID", "STATE", "PROMPT"]);
  });

  it("is as wide as its text in a pipe, and has the columns of wide only there", () => {
    const wide = tableLines(COLUMNS, ROWS, { wide: true, colour: false, width: Number.POSITIVE_INFINITY });
    assert.equal(wide[0], "ID        STATE    ENGINE       WHOLE       PROMPT");
    assert.ok(wide[2]?.endsWith(ROWS[1]?.prompt ?? "?"));
  });

  it("shows control characters escaped, leaves out a column without text, and aligns numbers at the right", () => {
    const columns: readonly Column<string>[] = [
      { header: "N", value: (text) => String(text.length), align: "right" },
      { header: "NONE", value: () => "" },
      { header: "TEXT", value: (text) => text },
    ];
    const escape = String.fromCodePoint(0x1b);
    assert.deepEqual(tableLines(columns, [`a${escape}[2Jb\n`, "x".repeat(10)], { ...NARROW, width: 80 }), [
      " N  TEXT",
      " 7  a\\u001b[2Jb\\n",
      "10  xxxxxxxxxx",
    ]);
  });

  it("colours states only, and only when it may", () => {
    const [headers, running] = tableLines(COLUMNS, ROWS, { wide: false, colour: true, width: 80 });
    const escape = String.fromCodePoint(0x1b);
    assert.ok(headers?.startsWith(`${escape}[1mID      ${escape}[22m`), JSON.stringify(headers));
    assert.ok(running?.startsWith(`p6r8s0t1  ${escape}[36mRUNNING${escape}[39m  claude`), JSON.stringify(running));
    const plain = tableLines(COLUMNS, ROWS, { ...NARROW, width: 80 }).join("\n");
    assert.equal(plain.includes(escape), false);
  });
});
