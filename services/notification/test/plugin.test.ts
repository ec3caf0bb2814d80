import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "@ccsp/config";
import { pino } from "pino";
import { define } from "../src/config.js";
import { tryChannel } from "../src/delivery/try-channel.js";
import { notificationService } from "../src/service.js";
import { channelsConfig } from "../src/setup/channels-file.js";
import { openChannels } from "../src/setup/open-channels.js";
import { readTemplates } from "../src/setup/templates-folder.js";
import { channelContext } from "./channel-context.js";

const PLUGIN = `
export const channelType = {
  type: "pager",
  open: async ({ number }) => {
    if (typeof number !== "string") throw new Error("number: must be a text");
    return { target: number, deliver: async () => undefined };
  },
};
`;

describe("the file of channels", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-plugin-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const open = async (channels: object[], plugins: readonly string[] = []) => {
    const { fetch, resolve, close } = channelContext("x");
    try {
      return await openChannels({
        file: { path: join(dir, "n.jsonl"), maxBytes: 0, keep: 1 },
        ...{ channels: channelsConfig({ channels }).channels, plugins, language: "en", overrides: {} },
        ...{ targets: { resolve }, fetch, log: pino({ level: "silent" }) },
      });
    } finally {
      await close();
    }
  };

  it("opens several channels of a kind, and the kinds of plugins", async () => {
    const plugin = join(dir, "pager.mjs");
    await writeFile(plugin, PLUGIN);
    const entries = [
      { name: "day", type: "pager", number: "1" },
      { name: "night", type: "pager", number: "2", perMinute: 5 },
    ];
    const channels = await open(entries, [plugin]);
    assert.deepEqual(
      channels.map(({ name, channel, use }) => [name, channel.target, use.perMinute]),
      [
        ["file", join(dir, "n.jsonl"), 0],
        ["day", "1", 0],
        ["night", "2", 5],
      ],
    );
  });

  it("shows no secret and no control character of a plugin's target, which operators read", async () => {
    const plugin = join(dir, "pager.mjs");
    await writeFile(plugin, PLUGIN);
    const [, channel] = await open(
      [{ name: "day", type: "pager", number: `https://ann:secret12@x\u001b[2J\n${"y".repeat(900)}` }],
      [plugin],
    );
    assert.match(channel?.channel.target ?? "", /^https:\/\/\*\*\*@x \[2J y+…$/);
    assert.equal(channel?.channel.target.length, 200);
  });

  it("names every channel that cannot be opened, and what is wrong with it", async () => {
    const wrong = [
      { name: "a", type: "fax" },
      { name: "b", type: "webhook", url: "ftp://x" },
      { name: "c", type: "github", repository: "acme" },
    ];
    await assert.rejects(
      open(wrong),
      /channel a: type: there is no kind of channel named fax.*channel b: .*url.*secretFile.*channel c: .*repository/s,
    );
    await assert.rejects(open([], [join(dir, "none.mjs")]), /channel plugin .*none\.mjs/);
  });

  it("refuses a plugin that opens no channel, and says what one that throws at once has thrown", async () => {
    const kinds = { none: "({})", "no-target": "({ deliver: async () => undefined })", undefined: "undefined" };
    for (const [name, opened] of Object.entries(kinds)) {
      const plugin = join(dir, `${name}.mjs`);
      await writeFile(plugin, `export const channelType = { type: "pager", open: async () => ${opened} };`);
      await assert.rejects(
        open([{ name: "a", type: "pager" }], [plugin]),
        /channel a: the kind pager has opened no channel/,
      );
    }
    const plugin = join(dir, "throws.mjs");
    const thrown = "({ target: 'x', deliver: () => { throw new Error('no paper' + ' '.repeat(10_000)); } })";
    await writeFile(plugin, `export const channelType = { type: "pager", open: async () => ${thrown} };`);
    const channel = (await open([{ name: "a", type: "pager" }], [plugin]))[1];
    assert.ok(channel);
    const { cause } = await tryChannel(channel, "ann", () => new Date());
    assert.deepEqual([cause.trim(), cause.length], ["no paper", 500]);
  });

  it("is read by --check-config, which names what is wrong in it and in the files that it names", async () => {
    const path = join(dir, "channels.yaml");
    const checked = (text: string) => async () => {
      await writeFile(path, text);
      const { config } = load({ CCSP_INSTANCE: "x", CCSP_NOTIFICATION_CHANNELS: path }, define);
      await notificationService.check?.(config);
    };
    const log = "channels: [{name: a, type: log}]";
    await checked(log)();
    const github = `channels: [{name: a, type: github, repository: acme/ops, tokenFile: ${dir}/none}]`;
    const wrong: [string, RegExp][] = [
      [`${log}\nrules: [{channels: [b]}]`, /channels\.yaml: rules\.0\.channels: there is no channel named b/],
      [`${log}\nnetwork: {allow: [10.0.0.0/99]}`, /network\.allow\.0: must be an address, a network/],
      [github, /channel a: the credentials of GitHub cannot be read from .*none/],
    ];
    for (const [text, message] of wrong) await assert.rejects(checked(text), message);
  });

  it("refuses a template that has a wrong name or switches escaping off, and names the file", async () => {
    await writeFile(join(dir, "task.failed.ja.mustache"), "{{task}} が失敗\n\n{{message}}\n");
    const { "task.failed": own } = await readTemplates(dir);
    assert.deepEqual([own?.ja?.title, own?.ja?.text], ["{{task}} が失敗", "{{message}}"]);
    assert.match(own?.ja?.whatToDo ?? "", /ccsp retry/);
    await writeFile(join(dir, "task.failed.en.mustache"), "{{{task}}}");
    await assert.rejects(readTemplates(dir), /task\.failed\.en\.mustache: .*not allowed/);
  });
});
