import type { ComponentType } from "preact";
import Overview from "./pages/overview.js";

export type PageParameters = Readonly<Record<string, string>>;
export type PageComponent = ComponentType<{ readonly parameters: PageParameters }>;

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
  /** One of these: the component, or how it is read when the page is opened. */
  readonly component?: PageComponent;
  readonly load?: () => Promise<{ readonly default: PageComponent }>;
}

/** All pages. The first one is in the first view, and each of the others is read when it is opened. */
export const PAGES: readonly Page[] = [
  { name: "overview", path: "/", rail: true, component: Overview },
  { name: "queue", path: "/queue", rail: true, load: () => import("./pages/queue.js") },
  { name: "tasks", path: "/tasks", rail: true, load: () => import("./pages/tasks.js") },
  { name: "task", path: "/tasks/:taskId", rail: "tasks", load: () => import("./pages/task.js") },
  { name: "executors", path: "/executors", rail: true, load: () => import("./pages/executors.js") },
  { name: "usage", path: "/usage", rail: true, load: () => import("./pages/usage.js") },
  { name: "alerts", path: "/alerts", rail: true, load: () => import("./pages/alerts.js") },
  { name: "sessions", path: "/sessions", rail: true, load: () => import("./pages/sessions.js") },
  { name: "schedules", path: "/schedules", rail: true, load: () => import("./pages/schedules.js") },
  { name: "notifications", path: "/notifications", rail: true, load: () => import("./pages/notifications.js") },
  { name: "keys", path: "/keys", rail: true, scope: "keys:manage", load: () => import("./pages/keys.js") },
  { name: "audit", path: "/audit", rail: true, load: () => import("./pages/audit.js") },
];
