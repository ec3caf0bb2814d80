import { locale } from "./settings.js";

/** The language of the page, with the hour format of the browser's own region. */
const tag = (): string => (locale.value === "ja" ? "ja-JP" : "en-GB");

const numberFormats = new Map<string, Intl.NumberFormat>();
const timeFormats = new Map<string, Intl.DateTimeFormat>();

function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return cached(numberFormats, options, () => new Intl.NumberFormat(tag(), options));
}

function timeFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return cached(timeFormats, options, () => new Intl.DateTimeFormat(tag(), options));
}

/** To make a format takes longer than to use it a hundred times. */
function cached<Format>(formats: Map<string, Format>, options: object, make: () => Format): Format {
  const key = tag() + JSON.stringify(options);
  const format = formats.get(key) ?? make();
  formats.set(key, format);
  return format;
}

/** What stands between the parts of a list. */
export const comma = (): string => (locale.value === "ja" ? "、" : ", ");

/** `412,000` */
export const number = (value: number, maximumFractionDigits = 0): string =>
  numberFormat({ maximumFractionDigits }).format(value);

/** `$ 0.84`. Below a cent it shows what there is: `$ 0.0031`. */
export function usd(value: number): string {
  const small = value !== 0 && Math.abs(value) < 0.01;
  const options: Intl.NumberFormatOptions = small
    ? { maximumSignificantDigits: 2 }
    : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return `$ ${numberFormat(options).format(value)}`;
}

/** A share between 0 and 1: `71 %`. It shows 100 % only when all is used. */
export function share(value: number): string {
  const percent = value < 1 ? Math.min(Math.round(value * 100), 99) : Math.round(value * 100);
  return `${number(percent)} %`;
}

/** `3.1 GB`, in units of 1,000. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(value, 1)) / 3), units.length - 1);
  const scaled = value / 1000 ** power;
  const digits = power > 0 && scaled < 100 ? 1 : 0;
  const format = numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${format.format(scaled)} ${units[power]}`;
}

/** Milliseconds of a duration as the gateway writes it, such as `3.5s`. */
export const milliseconds = (duration: string): number => Number.parseFloat(duration) * 1000;

const UNITS = {
  en: { ms: " ms", s: " s", min: " min", h: " h", d: " d" },
  ja: { ms: " ミリ秒", s: " 秒", min: " 分", h: " 時間", d: " 日" },
} as const;

/** A value as a service writes it, such as `2.5 h`, with its unit in the language of the page. */
export const valueInUnits = (value: string): string =>
  value.replace(
    /^([\d.,-]+) (ms|s|min|h|d)$/,
    (_, amount: string, unit: keyof (typeof UNITS)["en"]) => amount + UNITS[locale.value][unit],
  );

/** In the words that people use, with at most two units: `0.4 s`, `34 s`, `1 min 12 s`, `2 h 5 min`, `3 d`. */
export function duration(ms: number): string {
  const unit = UNITS[locale.value];
  const seconds = ms / 1000;
  if (seconds < 0.0995) return `${number(Math.max(ms, 0))}${unit.ms}`;
  if (seconds < 9.95) return `${number(seconds, 1)}${unit.s}`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${unit.s}`;
  if (whole < 3600) return two(Math.floor(whole / 60), unit.min, whole % 60, unit.s);
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return two(Math.floor(minutes / 60), unit.h, minutes % 60, unit.min);
  const hours = Math.round(seconds / 3600);
  return two(Math.floor(hours / 24), unit.d, hours % 24, unit.h);
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${number(large)}${largeUnit}` : `${number(large)}${largeUnit} ${small}${smallUnit}`;
}

/** The local time, as short as it is clear: `16:40` today, `Mon 09:00` within a week, else with the date. */
export function time(at: string | Date, now = new Date()): string {
  const date = new Date(at);
  const days = Math.round((startOfDay(date) - startOfDay(now)) / 86_400_000);
  const clock: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const hours = timeFormat(clock).format(date);
  if (days === 0) return hours;
  if (Math.abs(days) < 7) return `${timeFormat({ weekday: "short" }).format(date)} ${hours}`;
  const sameYear = date.getFullYear() === now.getFullYear();
  const day = timeFormat({ day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) }).format(date);
  return `${day} ${hours}`;
}

/** A day with its weekday: `Mon 1 Jun 2026`. */
export const day = (date: Date): string =>
  timeFormat({ weekday: "short", day: "numeric", month: "short", year: "numeric" }).format(date);

/** Date, time and zone, to the second. */
export const fullTime = (at: string | Date): string =>
  timeFormat({ dateStyle: "full", timeStyle: "long", hourCycle: "h23" }).format(new Date(at));

const startOfDay = (date: Date): number => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
