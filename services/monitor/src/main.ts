import { runMain } from "@ccsp/lifecycle";
import { monitorService } from "./service.js";

await runMain(monitorService);
