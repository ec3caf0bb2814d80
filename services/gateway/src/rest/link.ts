/** The header Link that names the next page: this address with another value of one parameter. */
export function linkToNext(url: string, parameter: string, value: string): string {
  const at = url.indexOf("?");
  const query = new URLSearchParams(at < 0 ? "" : url.slice(at + 1));
  query.set(parameter, value);
  return `<${at < 0 ? url : url.slice(0, at)}?${query.toString()}>; rel="next"`;
}
