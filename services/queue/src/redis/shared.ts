/**
 * Reads a value that never changes under its key. It reads once for all callers that ask during the read, or while
 * another caller still holds the value. It has only weak references: a value that no caller holds is read again.
 */
export function createShared<T extends object>(read: (key: string) => Promise<T | undefined>) {
  const held = new Map<string, WeakRef<T>>();
  const underWay = new Map<string, Promise<T | undefined>>();
  const forgotten = new FinalizationRegistry<string>((key) => {
    if (held.get(key)?.deref() === undefined) held.delete(key);
  });

  const readAndHold = async (key: string): Promise<T | undefined> => {
    try {
      const value = await read(key);
      if (value) {
        held.set(key, new WeakRef(value));
        forgotten.register(value, key);
      }
      return value;
    } finally {
      underWay.delete(key);
    }
  };

  return async (key: string): Promise<T | undefined> => {
    const value = held.get(key)?.deref();
    if (value) return value;
    const reading = underWay.get(key) ?? readAndHold(key);
    underWay.set(key, reading);
    return reading;
  };
}
