import { createPublicKey, verify } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { components, paths } from "@octokit/openapi-types";

type Issue = components["schemas"]["issue"];
type Comment = components["schemas"]["issue-comment"];
type User = components["schemas"]["simple-user"];
type IssueEvent = Pick<components["schemas"]["issue-event"], "id" | "event" | "actor" | "created_at">;
type InstallationToken = components["schemas"]["installation-token"];
type Create = paths["/repos/{owner}/{repo}/issues"]["post"]["requestBody"]["content"]["application/json"];
type Update = NonNullable<
  paths["/repos/{owner}/{repo}/issues/{issue_number}"]["patch"]["requestBody"]
>["content"]["application/json"];
type CreateComment =
  paths["/repos/{owner}/{repo}/issues/{issue_number}/comments"]["post"]["requestBody"]["content"]["application/json"];

/** The documented fields of each request. Others are refused, as a test of our requests. */
const CREATE_FIELDS: readonly (keyof Create)[] = [
  "title",
  "body",
  "assignee",
  "milestone",
  "labels",
  "assignees",
  "type",
];
const UPDATE_FIELDS: readonly (keyof Update)[] = [
  ...(["title", "body", "assignee", "state", "state_reason", "milestone", "labels", "assignees", "type"] as const),
];
const COMMENT_FIELDS: readonly (keyof CreateComment)[] = ["body"];

/**
 * What happens to one request: an answer, or a cut connection or silence, before or after the request has taken effect.
 * Undefined: the request is served.
 */
export type Fault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly message?: string }
  | "cut before"
  | "cut after"
  | "silent"
  | "silent after";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

export interface IssueServer {
  readonly url: string;
  readonly issues: Issue[];
  readonly comments: ReadonlyMap<number, readonly Comment[]>;
  readonly asked: Asked[];
  /** Requests that broke a rule of the API. */
  readonly faults: string[];
  script: (asked: Asked) => Fault | undefined;
  /** What the token may not do: GitHub leaves labels out of a new issue then, and says nothing. */
  mayLabel: boolean;
  /** The installed app: the server gives tokens to the owner of its key. Undefined: there is none. */
  app: { readonly appId: number; readonly installationId: number; readonly publicKey: string } | undefined;
  /** Ends the life of the tokens that the app has got. */
  endTokens(): void;
  /** A person changes the state of an issue. */
  setState(number: number, state: "open" | "closed", who: string): void;
  close(): Promise<void>;
}

class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** An issue tracker with GitHub's API on loopback, for the repository `acme/ops`. Its clock counts on by itself. */
export async function startIssueServer(): Promise<IssueServer> {
  const issues: Issue[] = [];
  const comments = new Map<number, Comment[]>();
  const events = new Map<number, IssueEvent[]>();
  const asked: Asked[] = [];
  const faults: string[] = [];
  const tokens = new Set(["t0ken"]);
  let versions = 0;
  const version = new Map<number, number>();
  const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const touch = (issue: Issue): void => {
    issue.updated_at = now();
    version.set(issue.number, ++versions);
  };
  const issueOf = (number: string): Issue => {
    const found = issues.find((each) => each.number === Number(number));
    if (found === undefined) throw new Refused(404, "Not Found");
    return found;
  };
  const setState = (issue: Issue, state: string, who: User): void => {
    if (issue.state === state) return;
    issue.state = state;
    issue.closed_at = state === "closed" ? now() : null;
    issue.closed_by = state === "closed" ? who : null;
    issue.state_reason = state === "closed" ? "completed" : "reopened";
    touch(issue);
    const event = { id: versions, event: state === "closed" ? "closed" : "reopened", actor: who, created_at: now() };
    events.set(issue.number, [...(events.get(issue.number) ?? []), event]);
  };

  const serve = (method: string, url: URL, body: unknown): unknown => {
    const [, number, rest] = /^\/repos\/acme\/ops\/issues(?:\/(\d+))?(\/comments|\/events)?$/.exec(url.pathname) ?? [];
    const page = <T>(all: readonly T[]): T[] => {
      const size = Number(url.searchParams.get("per_page") ?? 30);
      const at = Number(url.searchParams.get("page") ?? 1) - 1;
      return all.slice(at * size, (at + 1) * size);
    };
    const since = url.searchParams.get("since") ?? "";
    if (!url.pathname.startsWith("/repos/acme/ops/issues")) throw new Refused(404, "Not Found");
    if (method === "GET" && number === undefined) {
      const label = url.searchParams.get("labels") ?? "";
      const state = url.searchParams.get("state") ?? "open";
      const found = issues.filter(
        (each) => (state === "all" || each.state === state) && hasLabel(each, label) && each.updated_at >= since,
      );
      const by = url.searchParams.get("sort") === "updated" ? "updated_at" : "created_at";
      const sorted = found.toSorted((a, b) => (a[by] < b[by] ? -1 : 1));
      return page(url.searchParams.get("direction") === "asc" ? sorted : sorted.reverse());
    }
    if (method === "POST" && number === undefined) {
      const { title, body: text, labels = [] } = checked<Create>(body, CREATE_FIELDS);
      if (typeof title !== "string" || title.trim() === "" || title.length > 256) throw new Refused(422, "title");
      if (typeof text === "string" && text.length > 65_536) throw new Refused(422, "body is too long");
      const own = server.mayLabel ? labels.map(String) : [];
      const issue = newIssue(issues.length + 1, title, text ?? "", own, now());
      issues.push(issue);
      touch(issue);
      return issue;
    }
    if (number === undefined) throw new Refused(404, "Not Found");
    const issue = issueOf(number);
    if (rest === "/events") return page(events.get(issue.number) ?? []);
    if (rest !== undefined) {
      const own = comments.get(issue.number) ?? [];
      if (method === "GET") return page(own.filter((each) => each.updated_at >= since));
      const { body: text } = checked<CreateComment>(body, COMMENT_FIELDS);
      if (typeof text !== "string" || text === "") throw new Refused(422, "body");
      const comment = newComment(++versions, issue, text, now());
      comments.set(issue.number, [...own, comment]);
      touch(issue);
      return comment;
    }
    if (method === "PATCH") {
      const { state } = checked<Update>(body, UPDATE_FIELDS);
      if (state !== undefined && state !== "open" && state !== "closed") throw new Refused(422, "state");
      if (state !== undefined) setState(issue, state, USER);
    }
    return issue;
  };

  /** Gives a token to an app that proves its name by a JWT, which may live for ten minutes. */
  const installationToken = (path: string, authorization = ""): InstallationToken => {
    const [, id] = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(path) ?? [];
    const { app } = server;
    if (app === undefined || Number(id) !== app.installationId) throw new Refused(404, "Not Found");
    const [, head = "", claims = "", signature = ""] =
      /^bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i.exec(authorization) ?? [];
    const key = createPublicKey(app.publicKey);
    const signed = verify("sha256", Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, "base64url"));
    if (!signed) throw new Refused(401, "A JSON web token could not be decoded");
    const { iss, iat, exp } = JSON.parse(Buffer.from(claims, "base64url").toString());
    const time = Date.now() / 1_000;
    if (Number(iss) !== app.appId || !(iat <= time && time < exp && exp <= time + 600))
      throw new Refused(401, "claims");
    const token = `ghs_${++versions}`;
    tokens.add(token);
    return { token, expires_at: new Date(Date.now() + 3_600_000).toISOString(), permissions: { issues: "write" } };
  };

  const server: IssueServer = {
    url: "",
    ...{ issues, comments, asked, faults },
    script: () => undefined,
    mayLabel: true,
    app: undefined,
    endTokens: () => {
      for (const token of [...tokens].filter((each) => each.startsWith("ghs_"))) tokens.delete(token);
    },
    setState: (number, state, login) => setState(issueOf(String(number)), state, { ...USER, login }),
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  const http = createServer((request, response) => {
    void (async () => {
      const { method = "", headers } = request;
      const url = new URL(request.url ?? "", server.url);
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(Buffer.from(chunk));
      const one = { method, path: url.pathname, headers };
      asked.push(one);
      const fault = server.script(one);
      if (fault === "silent") return;
      if (fault === "cut before") return request.socket.destroy();
      const send = (status: number, body: unknown, more: Record<string, string> = {}): void => {
        response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...more });
        response.end(JSON.stringify(body));
      };
      if (typeof fault === "object") {
        const { status, headers: more, message = "scripted" } = fault;
        return send(status, { message, documentation_url: "https://docs.github.com/rest" }, more);
      }
      try {
        if (method === "POST" && url.pathname.startsWith("/app/")) {
          return send(201, installationToken(url.pathname, headers.authorization));
        }
        const [, token = ""] = /^token (.+)$/.exec(headers.authorization ?? "") ?? [];
        if (!tokens.has(token)) throw new Refused(401, "Bad credentials");
        const body: unknown = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
        const answer = serve(method, url, body);
        if (fault === "cut after") return request.socket.destroy();
        if (fault === "silent after") return;
        const [, number] = /\/issues\/(\d+)$/.exec(url.pathname) ?? [];
        const etag = number === undefined ? undefined : `W/"${version.get(Number(number))}"`;
        if (etag !== undefined && headers["if-none-match"] === etag) return void response.writeHead(304).end();
        send(method === "POST" ? 201 : 200, answer, etag === undefined ? {} : { etag });
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.status === 422) faults.push(`${method} ${url.pathname}: ${error.message}`);
        send(error.status, { message: error.message });
      }
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const { port } = http.address() as AddressInfo;
  return Object.assign(server, { url: `http://127.0.0.1:${port}` });
}

function checked<T>(body: unknown, fields: readonly (keyof T)[]): T {
  if (typeof body !== "object" || body === null) throw new Refused(422, "the body is not an object");
  const unknown = Object.keys(body).find((key) => !fields.some((field) => field === key));
  if (unknown !== undefined) throw new Refused(422, `${unknown} is not a documented field`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its fields are those of the type
  return body as T;
}

const hasLabel = ({ labels }: Issue, label: string): boolean =>
  label === "" || labels.some((each) => (typeof each === "string" ? each : each.name) === label);

const API = "https://api.github.com";
const USER: User = {
  ...{ login: "ccsp-bot", id: 1, node_id: "U_1", type: "Bot", site_admin: false, gravatar_id: "" },
  ...{ avatar_url: API, url: API, html_url: API, followers_url: API, following_url: API, gists_url: API },
  ...{ starred_url: API, subscriptions_url: API, organizations_url: API, repos_url: API, events_url: API },
  received_events_url: API,
};

function newIssue(number: number, title: string, body: string, labels: readonly string[], time: string): Issue {
  const url = `${API}/repos/acme/ops/issues/${number}`;
  return {
    ...{ id: number, node_id: `I_${number}`, number, title, body, state: "open", locked: false, comments: 0 },
    ...{ url, repository_url: API, labels_url: url, comments_url: url, events_url: url },
    html_url: `https://github.com/acme/ops/issues/${number}`,
    labels: labels.map((name) => ({ name })),
    ...{ user: USER, assignee: null, milestone: null, closed_at: null, created_at: time, updated_at: time },
    author_association: "NONE",
  };
}

function newComment(id: number, { number }: Issue, body: string, time: string): Comment {
  const url = `${API}/repos/acme/ops/issues/comments/${id}`;
  const issueUrl = `${API}/repos/acme/ops/issues/${number}`;
  return {
    ...{ id, node_id: `C_${id}`, url, html_url: url, issue_url: issueUrl, body, user: USER },
    ...{ created_at: time, updated_at: time, author_association: "NONE" },
  };
}
