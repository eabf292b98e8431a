/** Runs an operation when all that came before it are over; gives what it gives. */
export type Turn = <T>(operation: () => Promise<T>) => Promise<T>;

/** Turns for those who share something, in the order of asking. */
export function createTurn(): Turn {
  let last: Promise<unknown> = Promise.resolve();
  return (operation) => {
    const result = last.then(operation);
    last = result.catch(() => undefined);
    return result;
  };
}

/** For who shares nothing. */
export const atOnce: Turn = (operation) => operation();

/** Turns by the place that is shared, such as a chip's address. */
export type Turns = (place: string) => Turn;

/** Each place has turns of its own, the same ones each time. */
export function createTurns(): Turns {
  const turns = new Map<string, Turn>();
  return (place) => {
    const turn = turns.get(place) ?? createTurn();
    turns.set(place, turn);
    return turn;
  };
}
