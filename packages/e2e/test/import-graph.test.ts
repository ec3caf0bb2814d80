import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SERVICES } from "@ccsp/fleet";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * The packages of this project that each leaf package may use at run time. A new edge is a decision, and it is made
 * here, where a reviewer sees it.
 */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  protos: [],
  dashboard: ["protos"],
  config: [],
  timing: [],
  metrics: [],
  prices: [],
  "private-files": [],
  fleet: ["certificates", "config", "identity", "private-files", "timing"],
  "trace-store": [],
  testkit: ["fleet", "trace-store"],
  "oidc-issuer": [],
  errors: ["protos"],
  identity: ["errors"],
  certificates: ["identity", "private-files"],
  authentication: ["config", "errors", "identity"],
  "engine-kit": ["config"],
  "engine-opencode": ["config", "engine-kit"],
  telemetry: ["metrics", "timing"],
  discovery: ["config"],
  "redis-kit": ["config", "errors", "timing"],
  events: ["protos", "redis-kit", "timing"],
  "grpc-kit": ["errors", "identity", "metrics", "protos", "timing"],
  client: ["errors", "grpc-kit", "protos", "timing"],
  lifecycle: ["authentication", "config", "discovery", "grpc-kit", "protos", "telemetry", "timing"],
};
/**
 * A service uses leaf packages. Six are excluded: agents use the client to reach services, engine plugins are loaded
 * by name, fleet, testkit and oidc-issuer are for tests, and the trace store is beside a local fleet.
 */
const SERVICE_MAY_USE = Object.keys(MAY_USE).filter(
  (name) => !["client", "engine-opencode", "fleet", "oidc-issuer", "testkit", "trace-store"].includes(name),
);
/** The gateway reads traces from the trace store, for the page of a task. */
const ONLY_FOR: Readonly<Record<string, readonly string[]>> = { gateway: ["trace-store"] };
/**
 * The packages above the services, with the services and the packages of this table that each may use, besides any leaf
 * package. No leaf package and no service uses them. The last one is all tests, so no other uses it.
 */
const APPS: Readonly<Record<string, readonly string[]>> = {
  cli: SERVICES,
  demo: ["cli"],
  grafana: [],
  "docs-generator": ["cli", "grafana", "monitor"],
  "k8s-checks": [],
  "e2e-kit": ["cli"],
  chaos: ["e2e-kit"],
  fuzz: ["e2e-kit"],
  rollout: ["e2e-kit"],
  e2e: ["chaos", "cli", "docs-generator", "e2e-kit", "fuzz", "grafana", "k8s-checks", "monitor", "rollout"],
};

/**
 * The folders of the queue's `src`, and the folders that each may use. A folder may only use folders that stand above
 * it in this table, so there are no circles. The files beside them, for example `service.ts`, put the folders together.
 * No folder uses these files.
 */
const QUEUE_LAYERS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  messages: ["domain"],
  redis: ["domain", "messages"],
  cache: ["domain", "messages", "redis"],
  conversations: ["domain", "messages", "redis"],
  application: ["cache", "conversations", "domain", "messages"],
  schedules: ["application", "domain", "messages", "redis"],
  limits: ["application", "domain", "messages", "redis"],
  grpc: ["application", "cache", "conversations", "domain", "limits", "messages", "schedules"],
};
/**
 * The folders of the gateway's `src`, in the same way. `upstream` is what it knows of the services that it calls. A
 * transport uses `application`, as `grpc` does, and no transport uses another. The folders after `http` are slices of
 * the HTTP server: they use what it offers, and not each other.
 */
const GATEWAY_LAYERS: Readonly<Record<string, readonly string[]>> = {
  upstream: [],
  keys: [],
  limits: [],
  application: ["keys", "upstream"],
  executors: ["upstream"],
  traces: [],
  agents: ["application", "traces", "upstream"],
  operators: ["application", "executors", "keys", "traces", "upstream"],
  grpc: ["application"],
  http: ["agents", "application", "limits", "operators"],
  rest: ["application", "http"],
  live: ["application", "executors", "http", "keys", "limits", "upstream"],
  v1: ["application", "http"],
  "sign-in": ["application", "http"],
  "github-webhook": ["http", "upstream"],
  web: ["http"],
};
/**
 * The folders of the monitor's `src`, in the same way. `state` is what replicas share; each other folder is a slice, one
 * feature with its rules, storage, settings and RPCs.
 */
const MONITOR_LAYERS: Readonly<Record<string, readonly string[]>> = {
  signals: [],
  state: [],
  usage: [],
  forecast: ["usage"],
  windows: ["signals", "state", "usage", "forecast"],
  budgets: ["signals", "state", "usage", "forecast"],
  fleet: ["signals", "state"],
  slo: ["signals", "state"],
  alerts: ["signals", "state", "usage"],
  session: ["signals", "state"],
  adaptation: ["forecast", "state", "windows"],
};
/** The folders of the executor's `src`, in the same way. `plugins` loads what settings name. */
const EXECUTOR_LAYERS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  plugins: [],
  files: ["domain"],
  conversations: ["domain", "files"],
  hooks: ["domain", "plugins"],
  queue: ["domain", "files"],
  slots: ["domain"],
  sandbox: ["domain"],
  broker: ["domain", "sandbox"],
  supervision: ["broker", "domain", "sandbox"],
  grpc: ["domain", "queue", "sandbox"],
  warm: ["domain", "supervision"],
  telemetry: ["broker", "domain", "warm"],
  engines: ["broker", "domain", "plugins", "telemetry"],
};
/** The folders of the notification service's `src`, in the same way. */
const NOTIFICATION_LAYERS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  delivery: ["domain"],
  issues: ["domain"],
  net: ["domain"],
  routing: ["domain"],
  text: ["domain"],
  redis: ["domain", "text"],
  channels: ["domain", "net", "text"],
  events: ["domain", "routing", "text"],
  grpc: ["delivery", "domain", "issues", "routing", "text"],
  setup: ["channels", "delivery", "domain", "net", "routing", "text"],
};
/** The folders of the command's `src`, in the same way. */
const CLI_LAYERS: Readonly<Record<string, readonly string[]>> = {
  process: [],
  alert: ["process"],
  input: ["process"],
  output: ["process"],
  "local-fleet": ["input", "process"],
  options: ["output", "process"],
  trace: ["output", "process"],
  auth: ["input", "local-fleet", "options", "output", "process"],
  connection: ["auth", "input", "local-fleet", "output", "process"],
  tables: ["alert", "auth", "local-fleet", "options", "output"],
  completion: ["connection", "options", "output", "process", "tables"],
  describe: ["options", "output", "process", "tables"],
  open: ["connection", "input", "process"],
  tasks: ["connection", "describe", "input", "local-fleet", "options", "output", "process", "trace"],
  up: ["auth", "connection", "describe", "local-fleet", "options", "output", "process"],
  doctor: ["auth", "connection", "local-fleet", "options", "output", "process", "tables", "up"],
  follow: ["connection", "describe", "options", "output", "process", "tasks", "trace"],
  commands: [
    "alert",
    "auth",
    "completion",
    "connection",
    "describe",
    "doctor",
    "follow",
    "input",
    "local-fleet",
    "open",
    "options",
    "output",
    "process",
    "tables",
    "tasks",
    "trace",
    "up",
  ],
};
/** The files of the dashboard that all pages share, the lowest first. */
const DASHBOARD_FILES: Readonly<Record<string, readonly string[]>> = {
  "live.ts": [],
  "pages.ts": [],
  "router.ts": [],
  "settings.ts": [],
  "wire.ts": [],
  "follow.ts": ["live.ts"],
  "format.ts": ["settings.ts"],
  "routes.ts": ["wire.ts"],
  "api.ts": ["routes.ts", "wire.ts"],
  "session.ts": ["api.ts", "router.ts"],
  "store.ts": ["api.ts", "follow.ts", "live.ts", "routes.ts", "session.ts"],
  "retry.ts": ["api.ts", "store.ts"],
  "answer.ts": ["api.ts", "retry.ts", "routes.ts"],
};
const OF_EACH_PAGE = [...Object.keys(DASHBOARD_FILES), "i18n", "parts"];
/** The folders and files of the dashboard's `src`, in the same way. */
const DASHBOARD_LAYERS: Readonly<Record<string, readonly string[]>> = {
  ...DASHBOARD_FILES,
  i18n: ["format.ts", "settings.ts"],
  style: [],
  parts: [...Object.keys(DASHBOARD_FILES), "i18n"],
  alerts: OF_EACH_PAGE,
  keys: OF_EACH_PAGE,
  work: OF_EACH_PAGE,
  overview: [...OF_EACH_PAGE, "work"],
  usage: [...OF_EACH_PAGE, "overview", "work"],
  executors: [...OF_EACH_PAGE, "overview"],
  task: [...OF_EACH_PAGE, "work"],
  tasks: [...OF_EACH_PAGE, "work"],
  queue: [...OF_EACH_PAGE, "overview", "tasks", "work"],
  pages: [...OF_EACH_PAGE, "alerts", "executors", "keys", "overview", "queue", "task", "tasks", "usage", "work"],
  "app.tsx": [...OF_EACH_PAGE, "pages"],
  "main.tsx": [...OF_EACH_PAGE, "app.tsx"],
  "index.html": [],
};
/** The folders of grpc-kit's `src`, in the same way. */
const GRPC_KIT_LAYERS: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  bounds: [],
  client: ["bounds", "wire"],
  server: ["bounds", "wire"],
};
/** The rooms that have a port of the storage. */
const ROOMS_WITH_PORTS = [
  "due",
  "emergency",
  "executors",
  "explain",
  "gates",
  "intake",
  "leases",
  "log",
  "search",
  "status",
  "task",
];
/**
 * The rooms of the queue's `src/domain` (its README), in the same way. `store.ts` is the whole storage: all ports
 * of the rooms together.
 */
const QUEUE_ROOMS: Readonly<Record<string, readonly string[]>> = {
  fields: [],
  wakes: [],
  executors: [],
  task: [],
  order: ["task"],
  gates: ["order", "task"],
  emergency: ["executors", "fields", "task", "wakes"],
  status: ["emergency", "executors", "gates", "order", "task"],
  log: ["fields", "task", "wakes"],
  explain: ["gates", "order", "task"],
  intake: ["emergency", "fields", "gates", "task"],
  lifecycle: ["emergency", "fields", "gates", "intake", "order", "task"],
  leases: ["emergency", "executors", "gates", "lifecycle", "order", "task", "wakes"],
  due: ["emergency", "gates", "lifecycle", "status", "task"],
  search: ["fields", "lifecycle", "task"],
  "store.ts": ROOMS_WITH_PORTS,
  sharding: [...ROOMS_WITH_PORTS, "store.ts"],
};

/** The folders `domain`. A layered service has one; in a sliced one, a slice may have one. The gateway has no rules. */
const RULES_ONLY = [
  "services/executor/src/domain",
  "services/monitor/src/adaptation/domain",
  "services/monitor/src/alerts/domain",
  "services/monitor/src/budgets/domain",
  "services/monitor/src/fleet/domain",
  "services/monitor/src/forecast/domain",
  "services/monitor/src/session/domain",
  "services/monitor/src/slo/domain",
  "services/monitor/src/usage/domain",
  "services/monitor/src/windows/domain",
  "services/notification/src/domain",
  "services/queue/src/domain",
];

interface Member {
  readonly name: string;
  readonly folder: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
}

interface Import {
  readonly file: string;
  readonly specifier: string;
}

describe("The import graph", () => {
  let members: readonly Member[];
  before(async () => {
    const folders = ["packages", "services"].flatMap((parent) =>
      readdirSync(join(ROOT, parent)).map((name) => `${parent}/${name}`),
    );
    members = await Promise.all(folders.filter((folder) => existsSync(join(ROOT, folder, "package.json"))).map(load));
  });
  const named = (names: readonly string[]) => members.filter(({ name }) => names.includes(name));

  it("knows every package and service", () => {
    const known = [...Object.keys(MAY_USE), ...SERVICES, ...Object.keys(APPS)];
    assert.deepEqual(members.map(({ name }) => name).sort(), known.sort());
  });

  it("lets a leaf package depend only on what the table lists", () => {
    const wrong = named(Object.keys(MAY_USE)).flatMap(({ name, dependencies }) => {
      return ours(dependencies).flatMap((used) =>
        MAY_USE[name]?.includes(used) ? [] : [`${name} depends on ${used}`],
      );
    });
    assert.deepEqual(wrong, []);
  });

  it("lets a service depend on leaf packages, and on no other service, not even in tests", () => {
    const wrong = named(SERVICES).flatMap(({ name, dependencies, devDependencies }) => [
      ...ours(dependencies).flatMap((used) =>
        SERVICE_MAY_USE.includes(used) || ONLY_FOR[name]?.includes(used) ? [] : [`${name} depends on ${used}`],
      ),
      ...ours(devDependencies).flatMap((used) => (used in MAY_USE ? [] : [`${name} tests with ${used}`])),
    ]);
    assert.deepEqual(wrong, []);
  });

  it("names what a package depends on in its tsconfig.json too: in a new clone it has no types else", async () => {
    // What only tests use is not built.
    const checked = members.filter(({ name }) => name !== "e2e");
    const wrong = await Promise.all(
      checked.map(async ({ name, folder, dependencies }) => {
        const { references = [] } = JSON.parse(await readFile(join(ROOT, folder, "tsconfig.json"), "utf8"));
        const named = references.map(({ path }: { path: string }) => basename(path));
        // The dashboard has files for browsers, and no types for others.
        const lacking = ours(dependencies).filter((used) => used !== "dashboard" && !named.includes(used));
        return lacking.map((used) => `${name} does not name ${used}`);
      }),
    );
    assert.deepEqual(wrong.flat(), []);
  });

  it("names in the tsconfig.json of a service and of the command all that their bundles contain", async () => {
    // The compiler then dates their tsconfig.tsbuildinfo whenever any of it is compiled, and older bundles are not run.
    const contained = (name: string, found = new Set<string>()): ReadonlySet<string> => {
      for (const used of ours(named([name])[0]?.dependencies ?? [])) {
        if (!found.has(used)) contained(used, found.add(used));
      }
      return found;
    };
    const wrong = await Promise.all(
      named([...SERVICES, "cli"]).map(async ({ name, folder }) => {
        const { references = [] } = JSON.parse(await readFile(join(ROOT, folder, "tsconfig.json"), "utf8"));
        const referenced = references.map(({ path }: { path: string }) => basename(path));
        const lacking = [...contained(name)].filter((used) => used !== "dashboard" && !referenced.includes(used));
        return lacking.map((used) => `${name} does not name ${used}`);
      }),
    );
    assert.deepEqual(wrong.flat(), []);
  });

  it("lets only the apps depend on services and on apps, on those that the table lists", () => {
    const assembled = new Set([...SERVICES, ...Object.keys(APPS)]);
    const wrong = members.flatMap(({ name, dependencies, devDependencies }) =>
      ours([...dependencies, ...devDependencies]).flatMap((used) =>
        assembled.has(used) && !APPS[name]?.includes(used) ? [`${name} depends on ${used}`] : [],
      ),
    );
    assert.deepEqual(wrong, []);
  });

  it("finds every import of a source declared by its package, and no import of another package by path", async () => {
    const rootTools = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")).devDependencies;
    const wrong: string[] = [];
    for (const { name, folder, dependencies, devDependencies } of members) {
      for (const { file, specifier } of await importsUnder(folder)) {
        if (specifier.startsWith(".")) {
          const inside = !relative(join(ROOT, folder), resolve(ROOT, dirname(file), specifier)).startsWith("..");
          if (!inside) wrong.push(`${file} reaches out to ${specifier}`);
          continue;
        }
        const used = packageOf(specifier);
        // The package e2e is all tests, a build runs before anything else does, and the dashboard's bundle has its packages in it.
        const test = isTest(file) || ["e2e", "dashboard"].includes(name) || file.endsWith("/build.mjs");
        const declared =
          specifier.startsWith("node:") ||
          used === `@ccsp/${name}` ||
          dependencies.includes(used) ||
          (test && (devDependencies.includes(used) || used in rootTools));
        if (!declared) wrong.push(`${file} imports ${specifier}, which its package does not declare`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it("has no circle of files, in any source", async () => {
    const files = new Set(members.flatMap(({ folder }) => sourcesUnder(folder)));
    const uses = new Map([...files].map((file) => [file, new Set<string>()]));
    for (const { file, specifier } of (await Promise.all(members.map(({ folder }) => importsUnder(folder)))).flat()) {
      const used = sourceOf(resolve("/", dirname(file), specifier).slice(1));
      if (specifier.startsWith(".") && files.has(used)) uses.get(file)?.add(used);
    }
    // What uses nothing that is left is in no circle.
    for (let some = true; some; ) {
      some = false;
      for (const [file, used] of uses) if (![...used].some((one) => uses.has(one))) some = uses.delete(file);
    }
    const left = [...uses].map(([file, used]) => `${file} uses ${[...used].filter((one) => uses.has(one)).join(", ")}`);
    assert.deepEqual(left, []);
  });

  it("is what ARCHITECTURE.md says of Redis: it names the prefix of each service", async () => {
    const [architecture, users] = await Promise.all(
      ["ARCHITECTURE.md", "deploy/redis/users.acl"].map((page) => readFile(join(ROOT, page), "utf8")),
    );
    const prefixes = new Set([...(users ?? "").matchAll(/~(ccsp:[a-z:]+)/g)].map(([, prefix = ""]) => prefix));
    assert.ok(prefixes.size > 5);
    assert.deepEqual(
      [...prefixes].filter((prefix) => !architecture?.includes(`\`${prefix}`)),
      [],
    );
  });

  it("is what the READMEs of the services open with: the plan has each folder, the lowest first", async () => {
    const tables: Readonly<Record<string, object>> = {
      executor: EXECUTOR_LAYERS,
      gateway: GATEWAY_LAYERS,
      monitor: MONITOR_LAYERS,
      notification: NOTIFICATION_LAYERS,
      queue: QUEUE_LAYERS,
    };
    for (const { name, folder } of named(SERVICES)) {
      const [, plan = ""] = (await readFile(join(ROOT, folder, "README.md"), "utf8")).split(/^## /m);
      const planned = [...plan.matchAll(/^\| `src\/([^`]+)` \|/gm)].map(([, row = ""]) => row);
      const there = readdirSync(join(ROOT, folder, "src"), { withFileTypes: true }).filter((one) => one.isDirectory());
      assert.deepEqual([plan.split("\n")[0], planned.toSorted()], ["Plan", there.map((one) => one.name).sort()], name);
      assert.deepEqual(planned, Object.keys(tables[name] ?? {}), name);
    }
  });

  it("gives each slice of the monitor the same inside: its rules, its RPCs, and what puts it together", () => {
    const slices = Object.keys(MONITOR_LAYERS).filter((name) => !["signals", "state"].includes(name));
    const lacking = slices.flatMap((slice) =>
      ["domain", "handlers.ts", "open.ts"].flatMap((name) =>
        existsSync(join(ROOT, "services/monitor/src", slice, name)) ? [] : [`${slice} has no ${name}`],
      ),
    );
    assert.deepEqual(lacking, []);
  });

  it("knows every folder of a service that holds rules only", () => {
    const found = named(SERVICES).flatMap(({ folder }) => foldersUnder(`${folder}/src`));
    assert.deepEqual(found.filter((folder) => folder.endsWith("/domain")).sort(), RULES_ONLY.toSorted());
  });

  it("keeps domain/ free of its neighbours: no grpc/, no redis/, no generated code", async () => {
    const wrong = (await Promise.all(RULES_ONLY.map(importsUnder)))
      .flat()
      .filter(
        ({ file, specifier }) =>
          !isTest(file) &&
          /^@ccsp\/(protos\/(?!bounds\.js)|grpc-kit|redis-kit)|^@grpc\/|^ioredis|\/(grpc|redis)\//.test(specifier),
      )
      .map(({ file, specifier }) => `${file} imports ${specifier}`);
    assert.deepEqual(wrong, []);
  });

  it("lets only the wiring of a service use its grpc/", async () => {
    const wrong = (await Promise.all(named(SERVICES).map(({ folder }) => importsUnder(`${folder}/src`))))
      .flat()
      .filter(({ file, specifier }) => {
        const [, , , inside] = file.split("/");
        return inside !== "grpc" && inside !== "service.ts" && /\/grpc\//.test(specifier) && specifier.startsWith(".");
      })
      .map(({ file, specifier }) => `${file} imports ${specifier}`);
    assert.deepEqual(wrong, []);
  });

  it("keeps application/ and the queue's slices free of the transport, except for the handlers of a slice", async () => {
    const slices = ["cache", "conversations", "limits", "schedules"].map((slice) => `services/queue/src/${slice}`);
    const folders = ["services/gateway/src/application", "services/queue/src/application", ...slices];
    const wrong = (await Promise.all(folders.map(importsUnder)))
      .flat()
      .filter(({ file, specifier }) => !isTest(file) && /^@grpc\/|^@ccsp\/grpc-kit/.test(specifier))
      .filter(({ file }) => file.includes("/application/") || !file.endsWith("/handlers.ts"))
      .map(({ file, specifier }) => `${file} imports ${specifier}`);
    assert.deepEqual(wrong, []);
  });

  for (const [what, folder, table] of [
    ["folder of the command", "packages/cli/src", CLI_LAYERS],
    ["folder of the dashboard", "packages/dashboard/src", DASHBOARD_LAYERS],
    ["folder of grpc-kit", "packages/grpc-kit/src", GRPC_KIT_LAYERS],
    ["folder of the executor", "services/executor/src", EXECUTOR_LAYERS],
    ["folder of the gateway", "services/gateway/src", GATEWAY_LAYERS],
    ["folder of the monitor", "services/monitor/src", MONITOR_LAYERS],
    ["folder of the notification service", "services/notification/src", NOTIFICATION_LAYERS],
    ["folder of the queue", "services/queue/src", QUEUE_LAYERS],
    ["room of the queue", "services/queue/src/domain", QUEUE_ROOMS],
  ] as const) {
    it(`lets a ${what} use what the table lists, and the table has no circles`, async () => {
      const places = Object.keys(table);
      const found = readdirSync(join(ROOT, folder), { withFileTypes: true });
      const withFiles = places.some((place) => place.includes("."));
      const known = found
        .filter((entry) => entry.isDirectory() || (withFiles && !isTest(entry.name)))
        .map(({ name }) => name);
      assert.deepEqual(known.sort(), places.toSorted());
      const circles = places.flatMap((place, i) =>
        (table[place] ?? []).flatMap((used) => (places.indexOf(used) < i ? [] : [`${place} uses ${used}`])),
      );
      assert.deepEqual(circles, []);

      const wrong = (await importsUnder(folder)).flatMap(({ file, specifier }) => {
        const [from, to] = [file, resolve("/", dirname(file), specifier).slice(1)].map(
          (path) => relative(folder, sourceOf(path)).split("/")[0] ?? "",
        );
        const isInside = !specifier.startsWith(".") || from === undefined || from === to || !(from in table);
        return isInside || isTest(file) || table[from]?.includes(to ?? "") ? [] : [`${file} imports ${specifier}`];
      });
      assert.deepEqual(wrong, []);
    });
  }
});

async function load(folder: string): Promise<Member> {
  const manifest = await readFile(join(ROOT, folder, "package.json"), "utf8");
  const { name, dependencies = {}, devDependencies = {} } = JSON.parse(manifest);
  return {
    name: String(name).replace("@ccsp/", ""),
    folder,
    dependencies: Object.keys(dependencies),
    devDependencies: Object.keys(devDependencies),
  };
}

/** Returns those that are packages of this project, without the scope. */
function ours(names: readonly string[]): string[] {
  return names.flatMap((name) => (name.startsWith("@ccsp/") ? [name.slice("@ccsp/".length)] : []));
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** The source behind the path of an import. */
function sourceOf(path: string): string {
  const [, stem] = /^(.*)\.js$/.exec(path) ?? [];
  return [`${stem}.ts`, `${stem}.tsx`].find((one) => existsSync(join(ROOT, one))) ?? path;
}

function isTest(file: string): boolean {
  return file.endsWith(".test.ts") || ["test", "bench"].includes(file.split("/")[2] ?? "");
}

/** Finds only statements at the start of a line. An import in a template string is text for a test. */
async function importsUnder(folder: string): Promise<Import[]> {
  const found = sourcesUnder(folder).map(async (file) => {
    const source = await readFile(join(ROOT, file), "utf8");
    const statements = source.matchAll(
      /^(?:import|export)\s+(?:[\w\s,*{}$]+\sfrom\s+)?"([^"]+)";|\bimport\("([^"]+)"\)/gm,
    );
    return [...statements].map((match) => ({ file, specifier: match[1] ?? match[2] ?? "" }));
  });
  return (await Promise.all(found)).flat();
}

function foldersUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

/** Fails where there is none, so that no rule passes because it looked at nothing. */
function sourcesUnder(folder: string): string[] {
  const found = filesUnder(folder);
  assert.ok(found.length > 0, `${folder} has no source`);
  return found;
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ["node_modules", "dist", "gen"].includes(entry.name) ? [] : filesUnder(path);
    return /\.(tsx?|mjs|js)$/.test(entry.name) ? [path] : [];
  });
}
