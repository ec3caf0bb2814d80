import { runMain } from "@ccsp/lifecycle";
import { gatewayService } from "./service.js";

await runMain(gatewayService);
