export { startWorld, type World, type WorldOptions } from "./world.js";
