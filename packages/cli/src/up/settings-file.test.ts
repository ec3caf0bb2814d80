import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { knownSettings } from "./known-settings.js";
import { readSettingsFile, withSettings } from "./settings-file.js";
import { settingsText } from "./settings-template.js";

describe("the settings file of a local fleet", () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "ccsp-settings-"));
    path = join(dir, "settings.env");
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const read = (text: string) => {
    writeFileSync(path, text);
    return readSettingsFile(path);
  };

  it("gives its values where the environment has none, or an empty one", async () => {
    const file = await read(
      "# a comment\nCCSP_LOG_LEVEL=warn\n\nCCSP_QUEUE_LEASE='5s' # mine\nOTEL_BSP_SCHEDULE_DELAY=1\n",
    );
    assert.deepEqual(withSettings({ CCSP_LOG_LEVEL: "debug", CCSP_QUEUE_LEASE: " ", PATH: "/bin" }, file), {
      CCSP_LOG_LEVEL: "debug",
      CCSP_QUEUE_LEASE: "5s",
      OTEL_BSP_SCHEDULE_DELAY: "1",
      PATH: "/bin",
    });
    assert.equal(file.lines.get("CCSP_QUEUE_LEASE"), 4);
  });

  it("is not needed", async () => {
    assert.deepEqual(await readSettingsFile(path), { values: {}, lines: new Map() });
  });

  it("is refused with every faulty line, its number and the nearest name that is known", async () => {
    const lines = [
      "CCSP_QUEUE_LEASEE=5s",
      "set CCSP_LOG_LEVEL",
      "CCSP_LOG_LEVEL=info",
      "CCSP_LOG_LEVEL=warn",
      "CCSP_JWT_SECRET=secret",
      "CCSP_QUEUE_LISTEN=127.0.0.1:1",
      "CCSP_CLAUDE_CODE_ACCOUNT='a",
      "EDITOR=vi",
    ];
    await assert.rejects(read(lines.join("\n")), {
      code: 2,
      lines: [
        `${path} has 7 faults:`,
        "  line 1: CCSP_QUEUE_LEASEE is not a setting: is CCSP_QUEUE_LEASE meant?",
        "  line 2: it is not of the form NAME=value, and no comment (#)",
        "  line 4: CCSP_LOG_LEVEL is in line 3 already",
        "  line 5: CCSP_JWT_SECRET belongs into the environment: the commands that make tokens need it too, and do not read this file",
        "  line 6: the fleet sets CCSP_QUEUE_LISTEN itself",
        "  line 7: the value of CCSP_CLAUDE_CODE_ACCOUNT has no closing quote",
        "  line 8: EDITOR is not a setting",
      ],
    });
  });

  it("may have the settings of plugins when it names plugins", async () => {
    const text = "CCSP_OPENCODE_ENV_FILE=/secrets\n";
    await assert.rejects(read(text), /CCSP_OPENCODE_ENV_FILE is not a setting/);
    const { values } = await read(`CCSP_EXECUTOR_ENGINE_PLUGINS=@ccsp/engine-opencode\n${text}`);
    assert.equal(values["CCSP_OPENCODE_ENV_FILE"], "/secrets");
  });

  it("has every setting as a comment, and all of them are accepted without the #", async () => {
    const groups = await knownSettings();
    const text = settingsText(groups, {});
    assert.deepEqual(await read(text), { values: {}, lines: new Map() });
    const { values } = await read(text.replaceAll(/^#(?=[A-Z_]+=)/gm, ""));
    const settings = groups.flatMap((group) => group.settings);
    assert.deepEqual(values, Object.fromEntries(settings.map(({ name, default: value = "" }) => [name, value])));
    const unwrapped = text.replaceAll("\n# ", " ");
    for (const { name, doc } of settings) {
      const [, words = ""] = unwrapped.match(new RegExp(`\\n (.*)\\n#${name}=`)) ?? [];
      assert.match(words.slice(doc.length), /^(?: Value: .*\.)?(?: Default: .*\.)?$/, name);
      assert.ok(words.startsWith(doc), name);
    }
    assert.ok(text.includes("\n# Value: a whole number from 1 to 500.\n#CCSP_EXECUTOR_SLOTS=2\n"));
  });

  it("gives back each value as it was written", async () => {
    const groups = await knownSettings();
    for (const value of ["plain", "with 'quote'", "with \"both\" and 'these'", String.raw`a\nb $X #c`, " ends "]) {
      const { values } = await read(settingsText(groups, { CCSP_CLAUDE_CODE_API_KEY: value }));
      assert.equal(values["CCSP_CLAUDE_CODE_API_KEY"], value);
    }
  });
});
