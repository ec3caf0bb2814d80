import { type ServiceSettings, type Settings, serviceSettings } from "@ccsp/config";
import { runMain, type ServiceDefinition } from "@ccsp/lifecycle";

interface TalkingConfig {
  readonly service: ServiceSettings;
}

/**
 * A service with an ops port that writes LINES lines, to its log and to stderr, when SIGUSR2 comes. It then
 * sends itself the signal END, if that is set. SIGHUP makes it crash.
 */
const talkingService: ServiceDefinition<TalkingConfig> = {
  name: "talking",
  summary: "writes many lines",
  define: (settings: Settings) => ({
    service: serviceSettings(settings, { name: "talking", grpcPort: 1, opsPort: 2, callers: "agents" }),
  }),
  async start(_config, { log, serveOps }) {
    await serveOps({});
    process.on("SIGUSR2", () => {
      for (let line = 1; line <= Number(process.env["LINES"]); line += 1) {
        log.info({ line, filler: "x".repeat(100) }, "talks");
        console.error(JSON.stringify({ line, filler: "x".repeat(200) }));
      }
      const end = process.env["END"];
      if (end) process.kill(process.pid, end);
    });
    process.on("SIGHUP", () => {
      throw new Error("crashes as asked");
    });
  },
};

await runMain(talkingService, async () => {});
