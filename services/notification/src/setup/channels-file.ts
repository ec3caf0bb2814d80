import { readFile } from "node:fs/promises";
import ipaddr from "ipaddr.js";
import { parse } from "yaml";
import { z } from "zod";
import { parsed } from "../channels/parsed.js";
import { type ChannelUse } from "../domain/channel.js";
import { SEVERITIES } from "../domain/notice.js";
import type { QuietHours, Rule } from "../routing/route.js";
import { LANGUAGES, type Language } from "../text/templates.js";

/** One channel of the configuration. */
export interface ChannelConfig {
  readonly name: string;
  readonly type: string;
  readonly use: Partial<ChannelUse>;
  readonly language: Language | undefined;
  readonly quietHours: QuietHours | undefined;
  /** The settings of its kind. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What the file of channels says. */
export interface ChannelsConfig {
  readonly channels: readonly ChannelConfig[];
  /** Undefined: there are none, and the default routing holds. */
  readonly rules: readonly Rule[] | undefined;
  readonly network: { readonly allow: readonly string[]; readonly only: boolean };
}

export const NO_CHANNELS: ChannelsConfig = { channels: [], rules: undefined, network: { allow: [], only: false } };

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time of day such as 09:30");
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
const timeZone = z.string().refine(isTimeZone, "must be a name of the IANA time zone database, such as Asia/Tokyo");
const hours = { from: time, to: time, days: z.array(z.enum(DAYS)).default([]), timeZone: timeZone.default("UTC") };
const severity = z.enum(SEVERITIES);
const quietHours = z.strictObject({ ...hours, below: severity.default("critical") });
const texts = z
  .union([z.string(), z.array(z.string())])
  .default([])
  .transform((given) => [given].flat());
const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 of a-z 0-9 -");

/** What looks like a network but is not valid would otherwise be the name of a host that nothing has. */
const target = z
  .string()
  .refine(
    (text) => ipaddr.isValid(text) || ipaddr.isValidCIDR(text) || /^(?=.*[a-z])[a-z0-9._-]{1,253}$/i.test(text),
    "must be an address, a network such as 10.0.0.0/8, or the name of a host",
  );

const channel = z.looseObject({
  name,
  type: z.string().min(1),
  records: z.boolean().optional(),
  concurrency: z.number().int().min(1).max(100).optional(),
  perMinute: z.number().int().min(0).max(100_000).optional(),
  language: z.enum(LANGUAGES).optional(),
  quietHours: quietHours.optional(),
});
const rule = z.strictObject({
  kind: texts,
  severity: severity.default("info"),
  labels: texts,
  agent: texts,
  hours: z.strictObject(hours).optional(),
  channels: z.array(name).min(1),
});
const file = z.strictObject({
  channels: z.array(channel).max(100).default([]),
  rules: z.array(rule).max(1_000).optional(),
  quietHours: quietHours.optional(),
  network: z.strictObject({ allow: z.array(target).default([]), only: z.boolean().default(false) }).prefault({}),
});

/** Reads the file of channels. Rejects with an Error that names the file and everything that is wrong in it. */
export async function readChannelsFile(path: string): Promise<ChannelsConfig> {
  try {
    return channelsConfig(parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw new Error(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Checks what the file says, except the settings of each kind of channel. */
export function channelsConfig(json: unknown): ChannelsConfig {
  const { channels, rules, network, quietHours: quietForAll } = parsed(file, json ?? {});
  const names = ["file", ...channels.map((each) => each.name)];
  const twice = names.find((each, at) => names.indexOf(each) !== at);
  if (twice !== undefined) throw new Error(`channels: there are two channels named ${twice}`);
  for (const [at, each] of (rules ?? []).entries()) {
    const missing = each.channels.find((wanted) => !names.includes(wanted));
    if (missing !== undefined) throw new Error(`rules.${at}.channels: there is no channel named ${missing}`);
  }
  return {
    channels: channels.map(
      ({ name, type, records, concurrency, perMinute, language, quietHours: own, ...settings }) => ({
        name,
        type,
        use: {
          ...(records !== undefined && { records }),
          ...(concurrency !== undefined && { concurrency }),
          ...(perMinute !== undefined && { perMinute }),
        },
        language,
        quietHours: quietOf(own ?? quietForAll),
        settings,
      }),
    ),
    rules: rules?.map(({ kind, severity: least, labels, agent, hours: at, channels: to }) => ({
      match: { kinds: kind, severity: least, labels, agents: agent, hours: at && hoursOf(at) },
      channels: to,
    })),
    network,
  };
}

type HoursInput = { from: string; to: string; days: readonly (typeof DAYS)[number][]; timeZone: string };

const hoursOf = ({ from, to, days, timeZone: zone }: HoursInput) => ({
  from: minuteOf(from),
  to: minuteOf(to),
  days: days.map((day) => DAYS.indexOf(day)),
  timeZone: zone,
});

const quietOf = (quiet: z.output<typeof quietHours> | undefined): QuietHours | undefined =>
  quiet && { ...hoursOf(quiet), below: quiet.below };

const minuteOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone }).format();
    return true;
  } catch {
    return false;
  }
}
