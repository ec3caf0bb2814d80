export { type Announcement, announce } from "./announce.js";
export { findInstances } from "./find-instances.js";
export { registerSchemes } from "./schemes.js";
