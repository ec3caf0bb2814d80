import { invalidFields } from "@ccsp/errors";
import { isTaskId } from "../task/shard.js";

/** A page token names the last task of its page, so pages stay right while tasks come and go. */
export const pageTokenAfter = (lastId: string): string => Buffer.from(`1:${lastId}`).toString("base64url");

/** The task that the page before ended with; undefined for the first page. Throws INVALID_FIELD for anything else. */
export function readPageToken(token: string): string | undefined {
  if (token === "") return undefined;
  const [version, id = ""] = Buffer.from(token, "base64url").toString("utf8").split(":");
  if (version === "1" && isTaskId(id)) return id;
  throw invalidFields([{ field: "page_token", description: "is not a token that this service gave out" }]);
}
