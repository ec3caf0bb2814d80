import { runMain } from "@ccsp/lifecycle";
import { notificationService } from "./service.js";

await runMain(notificationService);
