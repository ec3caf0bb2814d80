import { runMain } from "@ccsp/lifecycle";
import { queueService } from "./service.js";

await runMain(queueService);
