import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError, outcome, signedOut } from "./api.js";
import { shellWords } from "./i18n/shell.js";
import Overview from "./pages/overview.js";
import { SignInPage } from "./pages/sign-in.js";
import { PAGES, type Page, type PageName, type PageParameters } from "./pages.js";
import { Failure } from "./parts/failure.js";
import { PageHead } from "./parts/layout.js";
import { closeMenu, Shell } from "./parts/shell.js";
import { matchPath, path } from "./router.js";
import { loadSession, oidcOffered, session } from "./session.js";

/** The page of the address, in the shell; or the sign-in page when nobody is known. */
export function App() {
  const [fault, setFault] = useState<ApiError | undefined>(undefined);
  const begin = async () => setFault((await outcome(loadSession())).error);
  useEffect(() => void begin(), []);
  if (fault) return <Failure error={fault} onRetry={() => void begin()} />;
  if (signedOut.value) return <SignInPage oidc={oidcOffered.value} />;
  if (!session.value) return <p class="loading">{shellWords().loading}</p>;
  const found = pageOf(path.value);
  return <Shell page={found?.page}>{found ? <LoadedPage key={path.value} {...found} /> : <NotFound />}</Shell>;
}

interface Found {
  readonly page: Page;
  readonly parameters: PageParameters;
}

function pageOf(address: string): Found | undefined {
  for (const page of PAGES) {
    const parameters = matchPath(page.path, address);
    if (parameters) return { page, parameters };
  }
  return undefined;
}

type PageComponent = ComponentType<{ readonly parameters: PageParameters }>;

/** What was read. The overview is in the first view; each other page is read when it is opened. */
const loadedPages = new Map<PageName, PageComponent>([["overview", Overview]]);

const READ: Readonly<Record<Exclude<PageName, "overview">, () => Promise<{ readonly default: PageComponent }>>> = {
  queue: () => import("./pages/queue.js"),
  tasks: () => import("./pages/tasks.js"),
  task: () => import("./pages/task.js"),
  executors: () => import("./pages/executors.js"),
  usage: () => import("./pages/usage.js"),
  alerts: () => import("./pages/alerts.js"),
  sessions: () => import("./pages/sessions.js"),
  schedules: () => import("./pages/schedules.js"),
  notifications: () => import("./pages/notifications.js"),
  keys: () => import("./pages/keys.js"),
  audit: () => import("./pages/audit.js"),
};

function LoadedPage({ page, parameters }: Found) {
  const word = shellWords();
  const [failed, setFailed] = useState(false);
  const [Shown, show] = useState(() => loadedPages.get(page.name));
  useEffect(() => {
    document.title = `${word.pages[page.name]} · CCSP`;
  }, [word]);
  useEffect(() => {
    closeMenu();
    const load = async () => {
      if (page.name === "overview") return;
      const read = await READ[page.name]().catch(() => undefined);
      if (!read) return setFailed(true);
      loadedPages.set(page.name, read.default);
      return show(() => read.default);
    };
    if (!Shown) void load();
  }, []);
  if (Shown) return <Shown parameters={parameters} />;
  if (failed) return <Failure error={NOT_LOADED} onRetry={() => location.reload()} />;
  return <p class="loading">{word.loading}</p>;
}

const NOT_LOADED = new ApiError(
  { status: 0, reason: "UNREACHABLE", detail: "", fields: [], retryAfterMs: undefined },
  false,
);

function NotFound() {
  const word = shellWords();
  return (
    <>
      <PageHead title={word.notFound} lead={word.notFoundWay} />
      <a href="/">{word.toOverview}</a>
    </>
  );
}
