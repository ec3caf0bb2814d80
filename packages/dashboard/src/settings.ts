import { effect, signal } from "@preact/signals";

export type Locale = "en" | "ja";
/** `system` follows the setting of the device. */
export type Theme = "system" | "light" | "dark";

export const LOCALES: readonly Locale[] = ["en", "ja"];
export const THEMES: readonly Theme[] = ["system", "light", "dark"];

export const locale = signal<Locale>(stored("ccsp.locale", LOCALES) ?? localeOfBrowser());
export const theme = signal<Theme>(stored("ccsp.theme", THEMES) ?? "system");

/** Writes the choices to the page and keeps them in this browser. */
export function applySettings(): void {
  effect(() => {
    document.documentElement.lang = locale.value;
    localStorage.setItem("ccsp.locale", locale.value);
  });
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
    localStorage.setItem("ccsp.theme", theme.value);
  });
}

function stored<Choice extends string>(key: string, choices: readonly Choice[]): Choice | undefined {
  const kept = globalThis.localStorage?.getItem(key);
  return choices.find((choice) => choice === kept);
}

function localeOfBrowser(): Locale {
  return globalThis.navigator?.language?.startsWith("ja") ? "ja" : "en";
}
