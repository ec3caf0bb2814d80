import { type FieldViolation, invalidFields } from "@ccsp/errors";
import type { Delivery } from "./notice.js";
import type { ListQuery, NoticeStore } from "./notice-store.js";

const DEFAULT_SIZE = 50;
const MAX_SIZE = 500;

export interface ListRequest {
  /** 0 means 50. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
  /** Empty for all types. */
  readonly eventType: string;
  /** Empty for all channels. */
  readonly channel: string;
}

/** Returns the query of a request. Throws a Refusal that names each wrong field. */
export function queryOf(store: NoticeStore, request: ListRequest, state: Delivery["state"]): ListQuery {
  const { pageSize, pageToken, eventType, channel } = request;
  const faults: FieldViolation[] = [];
  if (pageSize < 0 || pageSize > MAX_SIZE) {
    faults.push({ field: "page_size", description: `must be 1 to ${MAX_SIZE}, or 0 for ${DEFAULT_SIZE}` });
  }
  if (pageToken !== "" && !store.isPosition(pageToken, state)) {
    faults.push({ field: "page_token", description: "must be the next_page_token of an answer" });
  }
  if (faults.length > 0) throw invalidFields(faults);
  return { after: pageToken === "" ? undefined : pageToken, size: pageSize || DEFAULT_SIZE, eventType, channel };
}
