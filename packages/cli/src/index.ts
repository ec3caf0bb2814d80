export { createToken, type TokenOptions } from "./auth/create-token.js";
export { summary } from "./describe/task.js";
export { printable, printableText } from "./process/printable.js";
export { VARIABLES } from "./process/variables.js";
export { loadDefinitions } from "./up/services.js";
export { settingsByService } from "./up/settings-by-service.js";
