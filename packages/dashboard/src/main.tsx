import { render } from "preact";
import { App } from "./app.js";
import { startRouter } from "./router.js";
import { applySettings } from "./settings.js";
import { startLive } from "./store.js";

applySettings();
startRouter();
startLive();
render(<App />, document.body);
