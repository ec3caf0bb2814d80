import type { ApiKey } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { roleOf } from "../auth/roles.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { ageWords, zonedTime } from "../output/words.js";

function stateOf({ revokeTime, expireTime }: ApiKey): string {
  if (revokeTime) return "REVOKED";
  return expireTime && expireTime.getTime() <= Date.now() ? "EXPIRED" : "VALID";
}

const lastUse = ({ lastUsedTime }: ApiKey): string => (lastUsedTime ? `${ageWords(lastUsedTime)} ago` : "never");

export const KEY_COLUMNS: readonly Column<ApiKey>[] = [
  { header: "KEY", value: ({ id }) => id },
  { header: "AGENT", value: ({ subject }) => subject, min: 8 },
  { header: "STATE", value: stateOf, colour: stateColour },
  { header: "LAST USE", value: lastUse },
  { header: "EXPIRES", value: ({ expireTime }) => (expireTime ? zonedTime(expireTime) : "never"), drop: 2 },
  { header: "ALLOWS", value: ({ scopes }) => roleOf(scopes) ?? scopes.join(" "), min: 8, drop: 3 },
  { header: "NAME", value: ({ name }) => name, min: 8, drop: 1 },
  { header: "MADE BY", value: ({ createdBy }) => createdBy, only: "wide" },
  { header: "AGE", value: ({ createTime }) => ageWords(createTime), align: "right", only: "wide" },
];
