import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import type { Logger } from "pino";
import { createFileChannel, type FileSettings } from "../channels/file/file-channel.js";
import { fileChannel } from "../channels/file/index.js";
import { CHANNEL_TYPES } from "../channels/index.js";
import type { OpenChannel } from "../delivery/channel-worker.js";
import { contained, containedChannel } from "../delivery/contained.js";
import type { Channel, ChannelType, ChannelUse } from "../domain/channel.js";
import type { GuardedFetch } from "../net/guarded-fetch.js";
import type { Targets } from "../net/targets.js";
import { RECORD } from "../routing/route.js";
import { type Overrides, render } from "../text/render.js";
import { maskSecrets, oneLine } from "../text/safe-text.js";
import type { Language } from "../text/templates.js";
import type { ChannelConfig } from "./channels-file.js";

const USE: ChannelUse = { records: false, concurrency: 4, perMinute: 0 };

export interface OpenChannelsOptions {
  readonly file: FileSettings;
  readonly channels: readonly ChannelConfig[];
  readonly plugins: readonly string[];
  readonly language: Language;
  readonly overrides: Overrides;
  readonly targets: Targets;
  readonly fetch: GuardedFetch["fetch"];
  readonly log: Logger;
}

/**
 * Opens the file that has every notice, and the channels of the configuration. Rejects with an Error that names each
 * channel that cannot be opened and why.
 */
export async function openChannels(options: OpenChannelsOptions): Promise<readonly OpenChannel[]> {
  const { file, channels, plugins, language, overrides, targets, fetch, log } = options;
  const types = new Map([...CHANNEL_TYPES, ...(await loadPlugins(plugins))].map((each) => [each.type, each]));
  const textOf =
    (own: Language): OpenChannel["render"] =>
    (notice, repeats, format, longest) =>
      render(notice, { format, language: own, repeats, ...(longest !== undefined && { longest }) }, overrides);
  const record: OpenChannel = {
    name: RECORD,
    type: fileChannel.type,
    use: { ...USE, ...fileChannel.use },
    channel: createFileChannel(RECORD, file),
    render: textOf(language),
  };
  const opened = await Promise.allSettled(
    channels.map(async ({ name, type: word, use, language: own, settings }): Promise<OpenChannel> => {
      const type = types.get(word);
      if (type === undefined)
        throw new Error(`type: there is no kind of channel named ${word}, but ${[...types.keys()].join(", ")}`);
      const context = {
        name,
        fetch,
        resolve: targets.resolve,
        log: log.child({ channel: name }),
        now: () => new Date(),
      };
      const opened = await contained(name, () => type.open(settings, context));
      if (!isChannel(opened)) throw new Error(`the kind ${word} has opened no channel with target and deliver`);
      // Operators read it. A plugin may have put its whole URL there.
      const target = oneLine(maskSecrets(opened.target));
      const channel = { ...containedChannel(name, opened), target };
      return { name, type: word, use: { ...USE, ...type.use, ...use }, channel, render: textOf(own ?? language) };
    }),
  );
  const open = [record, ...opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []))];
  const faults = opened.flatMap((each, at) =>
    each.status === "rejected" ? [`channel ${channels[at]?.name}: ${messageOf(each.reason)}`] : [],
  );
  if (faults.length > 0) {
    await Promise.all(open.map(async ({ channel }) => channel.close?.()));
    throw new Error(faults.join("\n"));
  }
  return open;
}

async function loadPlugins(specifiers: readonly string[]): Promise<ChannelType[]> {
  return Promise.all(
    specifiers.map(async (specifier) => {
      try {
        const place = isAbsolute(specifier) ? pathToFileURL(specifier).href : specifier;
        const module: unknown = await contained(`plugin ${specifier}`, () => import(place));
        const type: unknown = Object.entries(Object(module)).find(([exported]) => exported === "channelType")?.[1];
        if (!isChannelType(type)) throw new Error("exports no channelType with type and open");
        return type;
      } catch (cause) {
        throw new Error(`channel plugin ${specifier}: ${messageOf(cause)}`, { cause });
      }
    }),
  );
}

function isChannelType(value: unknown): value is ChannelType {
  if (typeof value !== "object" || value === null) return false;
  const { type, open }: Partial<Record<keyof ChannelType, unknown>> = value;
  return typeof type === "string" && typeof open === "function";
}

function isChannel(value: unknown): value is Channel {
  const { target, deliver }: Partial<Record<keyof Channel, unknown>> = Object(value);
  return typeof target === "string" && typeof deliver === "function";
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
