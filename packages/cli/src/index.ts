export { createToken, type TokenOptions } from "./create-token.js";
export { summary } from "./describe.js";
export { printable, printableText } from "./printable.js";
export { loadDefinitions } from "./up/services.js";
export { settingsByService } from "./up/settings-by-service.js";
export { VARIABLES } from "./variables.js";
