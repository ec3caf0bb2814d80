/**
 * The place of an event in the order in which things happened, as a text that sorts. It follows from the event's id in
 * the stream, such as `1700000000123-0`. One script makes a change and writes its event, so these ids have the order of
 * the changes, although the events may be handled in another order.
 */
export function placeOf(streamId: string): string {
  const [ms = "", at = ""] = streamId.split("-");
  return `${ms.padStart(15, "0")}-${at.padStart(20, "0")}`;
}
