import { computed, signal } from "@preact/signals";

/** The address of the page. It holds filters, tab and time range, so that a copied link shows the same. */
const href = signal(currentHref());
const url = computed(() => new URL(href.value, "http://page"));

export const path = computed(() => url.value.pathname);
/** The parameters of the address. Read them with `parameter`. */
const query = computed(() => url.value.searchParams);

/** A parameter of the address, or undefined. A component that reads it is drawn again when it changes. */
export const parameter = (name: string): string | undefined => query.value.get(name) ?? undefined;
export const parameters = (name: string): readonly string[] => query.value.getAll(name);

type Changes = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Goes to another address of the dashboard. `replace`: Back does not return to this one. */
export function navigate(to: string, { replace = false } = {}): void {
  if (to === href.value) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  href.value = currentHref();
  if (!replace) window.scrollTo(0, 0);
}

/** The address with these parameters changed. Undefined and empty ones are left out. */
export function hrefWith(changes: Changes): string {
  const next = new URL(url.value);
  for (const [name, value] of Object.entries(changes)) {
    next.searchParams.delete(name);
    for (const each of [value ?? []].flat()) if (each !== "") next.searchParams.append(name, each);
  }
  return next.pathname + next.search;
}

/** Changes parameters of the address. Typing into a filter replaces the address, so Back leaves the page. */
export function setParameters(changes: Changes, options: { readonly replace?: boolean } = {}): void {
  const { scrollX, scrollY } = window;
  navigate(hrefWith(changes), options);
  window.scrollTo(scrollX, scrollY);
}

export const currentAddress = (): string => href.value;

/** The parameters of a path such as `/tasks/:taskId`, or undefined when another path is meant. */
export function matchPath(pattern: string, actual: string): Readonly<Record<string, string>> | undefined {
  const wanted = pattern.split("/");
  const given = actual.split("/");
  if (wanted.length !== given.length) return undefined;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? "";
    if (!part.startsWith(":")) {
      if (part !== value) return undefined;
    } else {
      const decoded = decode(value);
      if (!decoded) return undefined;
      found[part.slice(1)] = decoded;
    }
  }
  return found;
}

/** Follows Back, Forward and clicks on links of the dashboard, without loading the page again. */
export function startRouter(): void {
  window.addEventListener("popstate", () => {
    href.value = currentHref();
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const elsewhere = link?.origin !== location.origin || link.target !== "" || link.hasAttribute("download");
    const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0;
    if (!link || elsewhere || modified || event.defaultPrevented || /^\/(api|session)\b/.test(link.pathname)) return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}

function currentHref(): string {
  return globalThis.location ? location.pathname + location.search : "/";
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
