/** At most `bytesPerSecond` for long, and `burst` at once. `take` returns false when there is no room now. */
export function createByteRate(
  { bytesPerSecond, burst }: { readonly bytesPerSecond: number; readonly burst: number },
  now: () => number = Date.now,
): (bytes: number) => boolean {
  let room = burst;
  let at = now();
  return (bytes) => {
    const time = now();
    room = Math.min(burst, room + (Math.max(0, time - at) / 1_000) * bytesPerSecond);
    at = time;
    if (bytes > room) return false;
    room -= bytes;
    return true;
  };
}
