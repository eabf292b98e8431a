import type { Edge } from './gpio-line.ts';

/** Edges between the kernel's callback and their consumer; beyond the limit the oldest are dropped and counted as lost. */
export interface EdgeQueue<E extends Edge = Edge> {
  push(edge: E): void;
  /** Makes the iteration throw after the queued edges. */
  fail(error: Error): void;
  /** Ends without an error when the signal is aborted. */
  iterate(signal: AbortSignal): AsyncIterable<E>;
}

/** An empty queue for one consumer. */
export function createEdgeQueue<E extends Edge = Edge>(limit = 1000): EdgeQueue<E> {
  let edges: E[] = [];
  /** Index of the oldest edge: shifting a long array for each edge would cost more than the edge. */
  let first = 0;
  let lost = 0;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;

  const take = (): E | undefined => {
    const edge = edges[first];
    if (edge === undefined) return undefined;
    first += 1;
    if (first === edges.length || first > limit) {
      edges = edges.slice(first);
      first = 0;
    }
    return edge;
  };

  async function* iterate(signal: AbortSignal): AsyncGenerator<E> {
    const onAbort = (): void => wake?.();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const edge = take();
        if (edge !== undefined) {
          const passed = lost === 0 ? edge : { ...edge, lost: edge.lost + lost };
          lost = 0;
          yield passed;
        } else if (failure !== undefined) {
          throw failure;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  return {
    push(edge) {
      edges.push(edge);
      if (edges.length - first > limit) lost += 1 + (take()?.lost ?? 0);
      wake?.();
    },
    fail(error) {
      failure = error;
      wake?.();
    },
    iterate,
  };
}
