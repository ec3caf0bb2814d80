import { type FieldViolation, invalidFields } from "@ccsp/errors";
import type { DeliveryLog, Page } from "./delivery-log.js";

const DEFAULT_SIZE = 50;
const MAX_SIZE = 500;

export interface ListQuery {
  /** 0 means 50. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
  /** Empty for all types. */
  readonly eventType: string;
}

/** Returns one page of deliveries, newest first. Throws a Refusal that names each wrong field. */
export async function listDeliveries(log: DeliveryLog, query: ListQuery): Promise<Page> {
  const { pageSize, pageToken, eventType } = query;
  const faults: FieldViolation[] = [];
  if (pageSize < 0 || pageSize > MAX_SIZE) {
    faults.push({ field: "page_size", description: `must be 1 to ${MAX_SIZE}, or 0 for ${DEFAULT_SIZE}` });
  }
  if (pageToken !== "" && !log.isPosition(pageToken)) {
    faults.push({ field: "page_token", description: "must be the next_page_token of an answer" });
  }
  if (faults.length > 0) throw invalidFields(faults);
  return log.list({ after: pageToken === "" ? undefined : pageToken, size: pageSize || DEFAULT_SIZE, eventType });
}
