import type { Limit } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { limitWords } from "../options/limit-values.js";
import type { Column } from "../output/table.js";
import { ageWords, zonedTime } from "../output/words.js";

export const LIMIT_COLUMNS: readonly Column<Limit>[] = [
  { header: "LIMIT", value: ({ name }) => name, min: 20 },
  { header: "IN FORCE", value: ({ value }) => limitWords(value) },
  { header: "SETTING", value: ({ source, defaultValue }) => (source ? limitWords(defaultValue) : ""), drop: 3 },
  {
    header: "UNTIL",
    value: ({ source }) => (source?.endTime ? zonedTime(source.endTime) : source ? "it is reset" : ""),
    drop: 2,
  },
  { header: "BY", value: ({ source }) => source?.who ?? "", min: 6 },
  { header: "WHY", value: ({ source }) => source?.why ?? "", min: 10, drop: 1 },
  { header: "SET", value: ({ source }) => (source ? `${ageWords(source.setTime)} ago` : ""), only: "wide" },
];
