/** Runs an operation when all that came before it are over; gives what it gives. */
export type Mutex = <T>(operation: () => Promise<T>) => Promise<T>;

/** Turns for those who share something, in the order of asking. */
export function createMutex(): Mutex {
  let last: Promise<unknown> = Promise.resolve();
  return (operation) => {
    const result = last.then(operation);
    last = result.catch(() => undefined);
    return result;
  };
}

/** For who shares nothing. */
export const noLock: Mutex = (operation) => operation();

/** Turns by the place that is shared, such as a chip's address. */
export type KeyedMutex = (place: string) => Mutex;

/** Each place has turns of its own, the same ones each time. */
export function createKeyedMutex(): KeyedMutex {
  const turns = new Map<string, Mutex>();
  return (place) => {
    const turn = turns.get(place) ?? createMutex();
    turns.set(place, turn);
    return turn;
  };
}
