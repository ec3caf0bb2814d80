import { type ServiceSettings, type Settings, serviceSettings } from "@ccsp/config";
import { runMain, type ServiceContext, type ServiceDefinition } from "@ccsp/lifecycle";

interface FixtureConfig {
  readonly service: ServiceSettings;
  readonly steps: readonly string[];
}

/** A service that runs the steps in CCSP_FIXTURE_STEPS at its start, and logs what it opens and closes. */
const fixtureService: ServiceDefinition<FixtureConfig> = {
  name: "fixture",
  summary: "opens the configured resources",
  define: (settings: Settings) => ({
    service: serviceSettings(settings, { name: "fixture", grpcPort: 1, opsPort: 2, callers: "agents" }),
    steps: settings.list("CCSP_FIXTURE_STEPS", "the action at start", { default: [], pattern: /^[a-z-]+:[a-z]+$/ }),
  }),
  async start({ steps }, context) {
    for (const step of steps) {
      const [verb = "", name = ""] = step.split(":");
      await take(verb, name, context);
    }
  },
};

async function take(verb: string, name: string, { open, log, stopping }: ServiceContext): Promise<void> {
  const resource = {
    async close() {
      log.info(`closed ${name}`);
    },
  };
  const stopped = new Promise<void>((resolve) => stopping.addEventListener("abort", () => resolve(), { once: true }));
  log.info(`opening ${name}`);
  switch (verb) {
    case "open":
      await open(name, resource);
      return;
    case "open-never":
      await open(name, new Promise<typeof resource>(() => setInterval(() => {}, 1_000)));
      return;
    case "open-when-stopped":
      await open(
        name,
        stopped.then(() => resource),
      );
      return;
    case "open-fails":
      await open(name, Promise.reject<typeof resource>(new Error(`${name} is away`)));
      return;
    case "close-fails":
      await open(name, {
        async close() {
          throw new Error(`${name} does not close`);
        },
      });
      return;
    case "close-never":
      await open(name, { close: () => new Promise(() => setInterval(() => {}, 1_000)) });
      return;
    case "forget":
      setInterval(() => {}, 1_000);
      return;
    case "crash-when-ready":
      setImmediate(() => {
        const command = { name: "set", args: ["PRIVATE"] };
        throw Object.assign(new Error(`${name} crashed`, { cause: new SyntaxError("cannot read PRIVATE") }), {
          command,
        });
      });
      return;
    default:
      throw new Error(`no step ${verb}`);
  }
}

await runMain(fixtureService, async () => {
  process.stdout.write("flushed\n");
  if (process.env["FLUSH_FAILS"]) throw new Error("no collector");
});
