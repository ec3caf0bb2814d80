import { words } from "./words.js";

/** The words around acts, whatever they do. */
export const actWords = words(
  {
    lacks: (scope: string) => `Your sign-in lacks the scope ${scope}.`,
  },
  {
    lacks: (scope) => `サインインにスコープ ${scope} がありません。`,
  },
);
