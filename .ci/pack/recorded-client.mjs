// Packs the client code of the release in this checkout into one file: its SDK, and as `wire` its service definitions
// and its plain client (see packages/e2e/fixtures/README.md). Needs a build. Usage: recorded-client.mjs FILE
import { resolve } from "node:path";
import { argv } from "node:process";
import { bundle } from "./client.mjs";
import { at } from "./package.mjs";

const ENTRY = "/recorded-client.js";
const code = `
export * from "${at("packages/client/dist/index.js")}";
import { createClient } from "${at("packages/grpc-kit/dist/client/index.js")}";
import { AgentServiceService } from "${at("packages/protos/dist/gen/ccsp/gateway/v1/agent_service.js")}";
import { QueueServiceService } from "${at("packages/protos/dist/gen/ccsp/queue/v1/queue_service.js")}";
export const wire = { createClient, AgentServiceService, QueueServiceService };
`;
const entry = {
  name: "entry",
  resolveId: (id) => (id === ENTRY ? id : undefined),
  load: (id) => (id === ENTRY ? code : undefined),
};
await bundle({ input: ENTRY, format: "es", path: resolve(argv[2]), plugins: [entry], minify: true });
