import { locale } from "../settings.js";

/** The words of an area in another language: a word that is missing does not compile. */
export type Translated<English> = {
  readonly [K in keyof English]: English[K] extends (...values: infer Values) => string
    ? (...values: Values) => string
    : English[K] extends string
      ? string
      : Translated<English[K]>;
};

/**
 * The words of one area of the page. The function that is returned gives those of the chosen language; a component that
 * calls it is drawn again when the language changes. `` `code` `` in a word is shown in monospace by `<Words>`.
 */
export function words<English>(
  en: English & Translated<English>,
  ja: Translated<NoInfer<English>>,
): () => Translated<English> {
  return () => (locale.value === "ja" ? ja : en);
}
