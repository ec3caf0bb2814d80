import { runMain } from "@ccsp/lifecycle";
import { loadExecutorService } from "./service.js";

await runMain(await loadExecutorService(process.env));
