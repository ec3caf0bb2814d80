export { CLAUDE_CODE_BIN } from "./claude-code.js";
export type { Answer, Behaviour, Fault, Pace, Silence, Usage, Window } from "./simulator/behaviour.js";
export type { Gate } from "./simulator/gate.js";
export type { RecordedRequest } from "./simulator/request.js";
export type { Matcher } from "./simulator/scripts.js";
export { type Simulator, type SimulatorOptions, startSimulator } from "./simulator/simulator.js";
export { hugeText } from "./simulator/text.js";
