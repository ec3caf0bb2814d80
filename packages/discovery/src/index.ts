export { type Announcement, announce } from "./announce.js";
export { registerSchemes } from "./schemes.js";
