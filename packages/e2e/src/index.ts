export { type World, type WorldOptions, startWorld } from "./world.js";
