import { type Signal, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { number } from "../format.js";
import { shellWords } from "../i18n/shell.js";
import { PAGES, type Page, type PageName } from "../pages.js";
import { may, session, signOut } from "../session.js";
import { LOCALES, type Locale, locale, THEMES, theme } from "../settings.js";
import { connection, snapshot } from "../store.js";
import { ConnectionLine } from "./connection.js";
import { ConfirmDialog } from "./dialog.js";
import { EmergencyButton } from "./emergency.js";
import { openPalette, Palette } from "./palette.js";
import { Toasts } from "./toast.js";
import { inLine } from "./waiting.js";

const menuOpen = signal(false);

/** Closes the rail on a narrow screen, when another page is shown. */
export const closeMenu = (): void => {
  menuOpen.value = false;
};

/** What is around each page: rail, search, emergency stop, connection. */
export function Shell({ page, children }: { readonly page: Page | undefined; readonly children: ComponentChildren }) {
  const word = shellWords();
  return (
    <div class={connection.value.is === "lost" ? "shell lost" : "shell"}>
      <a class="skip" href="#content">
        {word.skip}
      </a>
      <Rail current={page} />
      <div class="beside-rail">
        <div class="top">
          <button
            type="button"
            class="menu-button"
            aria-expanded={menuOpen.value}
            aria-controls="rail"
            onClick={() => {
              menuOpen.value = !menuOpen.value;
            }}
          >
            {word.menu}
          </button>
          <button type="button" class="find" onClick={openPalette} aria-keyshortcuts="Control+K Meta+K">
            <span>{word.find}</span>
            <kbd aria-hidden="true">Ctrl K</kbd>
          </button>
          <EmergencyButton />
        </div>
        <ConnectionLine />
        <main id="content" tabIndex={-1}>
          {children}
        </main>
      </div>
      <Palette />
      <ConfirmDialog />
      <Toasts />
    </div>
  );
}

function Rail({ current }: { readonly current: Page | undefined }) {
  const word = shellWords();
  const active = current?.rail === true ? current.name : current?.rail;
  const pages = PAGES.filter(({ rail, scope }) => rail === true && (scope === undefined || may(scope)));
  return (
    <nav id="rail" class={menuOpen.value ? "rail open" : "rail"} aria-label={word.mainNavigation}>
      <p class="brand">CCSP</p>
      <ul>
        {pages.map(({ name, path }) => (
          <li key={name}>
            <a href={path} {...(name === active && { "aria-current": "page" as const })}>
              <span>{word.pages[name]}</span>
              <Count of={name} />
            </a>
          </li>
        ))}
      </ul>
      <div class="rail-foot">
        <Choices />
        <p>
          {session.value?.subject}
          <button type="button" class="plain" onClick={() => void signOut()}>
            {word.signOut}
          </button>
        </p>
      </div>
    </nav>
  );
}

/** How many wait, run or fire, where that is worth a look. */
function Count({ of }: { readonly of: PageName }) {
  const count = countOf(of);
  if (count === undefined || count === 0) return null;
  return <span class={of === "alerts" ? "count tone-held" : "count"}>{number(count)}</span>;
}

function countOf(page: PageName): number | undefined {
  if (page === "queue") {
    const status = snapshot("queue").value;
    return status && inLine(status);
  }
  if (page === "executors") return snapshot("executors").value?.executors.length;
  if (page === "alerts") return snapshot("alerts").value?.alerts.filter(({ state }) => state === "FIRING").length;
  return undefined;
}

const LANGUAGES: Readonly<Record<Locale, string>> = { en: "English", ja: "日本語" };

function Choices() {
  const word = shellWords();
  return (
    <div class="choices">
      <Choice label={word.language} choices={LOCALES} names={LANGUAGES} chosen={locale} />
      <Choice label={word.theme} choices={THEMES} names={word.themes} chosen={theme} />
    </div>
  );
}

function Choice<Name extends string>({
  label,
  choices,
  names,
  chosen,
}: {
  readonly label: string;
  readonly choices: readonly Name[];
  readonly names: Readonly<Record<Name, string>>;
  readonly chosen: Signal<Name>;
}) {
  return (
    <label>
      <span class="unseen">{label}</span>
      <select
        value={chosen.value}
        onChange={({ currentTarget }) => {
          chosen.value = choices[currentTarget.selectedIndex] ?? chosen.value;
        }}
      >
        {choices.map((name) => (
          <option key={name} value={name}>
            {names[name]}
          </option>
        ))}
      </select>
    </label>
  );
}
