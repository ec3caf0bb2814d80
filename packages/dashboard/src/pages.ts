/** The values of the path's parameters, by name. */
export type PageParameters = Readonly<Record<string, string>>;

export type PageName =
  | "overview"
  | "queue"
  | "tasks"
  | "task"
  | "executors"
  | "usage"
  | "alerts"
  | "sessions"
  | "schedules"
  | "notifications"
  | "keys"
  | "audit";

export interface Page {
  readonly name: PageName;
  /** A part such as `:taskId` is a parameter of the page. */
  readonly path: string;
  /** In the rail. Other pages are reached from one that is: the name of that one. */
  readonly rail: true | PageName;
  /** Without this scope the rail and the palette leave it out. */
  readonly scope?: string;
}

/** All pages. What they show is in `app.tsx`, so that the parts of a page can name other pages. */
export const PAGES: readonly Page[] = [
  { name: "overview", path: "/", rail: true },
  { name: "queue", path: "/queue", rail: true },
  { name: "tasks", path: "/tasks", rail: true },
  { name: "task", path: "/tasks/:taskId", rail: "tasks" },
  { name: "executors", path: "/executors", rail: true },
  { name: "usage", path: "/usage", rail: true },
  { name: "alerts", path: "/alerts", rail: true },
  { name: "sessions", path: "/sessions", rail: true },
  { name: "schedules", path: "/schedules", rail: true },
  { name: "notifications", path: "/notifications", rail: true },
  { name: "keys", path: "/keys", rail: true, scope: "keys:manage" },
  { name: "audit", path: "/audit", rail: true },
];
