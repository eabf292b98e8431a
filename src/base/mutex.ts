/** Runs an operation after all operations before it have ended; resolves with its result. */
export type Mutex = <T>(operation: () => Promise<T>) => Promise<T>;

/** One operation at a time, in the order of the calls. */
export function createMutex(): Mutex {
  let last: Promise<unknown> = Promise.resolve();
  return (operation) => {
    const result = last.then(operation);
    last = result.catch(() => undefined);
    return result;
  };
}

/** For a resource that is not shared. */
export const noLock: Mutex = (operation) => operation();

/** The mutex of a shared resource, such as a chip's address. */
export type KeyedMutex = (resource: string) => Mutex;

/** Each resource has its own mutex, the same one each time. */
export function createKeyedMutex(): KeyedMutex {
  const mutexes = new Map<string, Mutex>();
  return (resource) => {
    const mutex = mutexes.get(resource) ?? createMutex();
    mutexes.set(resource, mutex);
    return mutex;
  };
}
