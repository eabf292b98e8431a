import type { Edge } from './bus.ts';

const LIMIT = 1000;

/** Edges between the kernel's callback and whoever iterates; beyond 1000 the oldest go and are counted as lost. */
export interface EdgeQueue {
  push(edge: Edge): void;
  /** Makes the iteration throw, after the edges that are already here. */
  fail(error: Error): void;
  /** Ends without an error when the signal is aborted. */
  iterate(signal: AbortSignal): AsyncIterable<Edge>;
}

/** An empty queue for one consumer. */
export function createEdgeQueue(): EdgeQueue {
  const edges: Edge[] = [];
  let lost = 0;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;

  async function* iterate(signal: AbortSignal): AsyncGenerator<Edge> {
    const onAbort = (): void => wake?.();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const edge = edges.shift();
        if (edge !== undefined) {
          yield lost === 0 ? edge : { ...edge, lost: edge.lost + lost };
          lost = 0;
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
      if (edges.length > LIMIT) lost += 1 + (edges.shift()?.lost ?? 0);
      wake?.();
    },
    fail(error) {
      failure = error;
      wake?.();
    },
    iterate,
  };
}
