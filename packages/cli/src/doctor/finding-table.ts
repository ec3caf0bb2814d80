import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import type { Finding } from "./finding.js";

export const FINDING_COLUMNS: readonly Column<Finding>[] = [
  { header: "STATE", value: ({ state }) => state, colour: stateColour },
  { header: "CHECK", value: ({ check }) => check },
  { header: "SUBJECT", value: ({ subject }) => subject, min: 16, wanted: 24 },
  { header: "FOUND", value: ({ detail }) => detail, min: 20 },
];
