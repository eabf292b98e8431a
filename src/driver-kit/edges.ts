import type { Edge } from '../buses/gpio-line.ts';

/** Edges that are received in the background. */
export interface EdgeFollower {
  /** Throws the error that has ended the edges, if there was one. */
  check(): void;
  /** Resolves when no more edges are received; the line stays open. */
  stop(): Promise<void>;
}

/** Calls `take` for each edge of open lines, until it is stopped or they fail. */
export function followEdges<E extends Edge>(
  lines: { edges(signal: AbortSignal): AsyncIterable<E> },
  take: (edge: E) => void,
): EdgeFollower {
  const life = new AbortController();
  let failure: { readonly error: unknown } | undefined;
  const follow = async (): Promise<void> => {
    for await (const edge of lines.edges(life.signal)) take(edge);
  };
  const following = follow().catch((error: unknown) => {
    failure = { error };
  });
  return {
    check() {
      if (failure !== undefined) throw failure.error;
    },
    async stop() {
      life.abort();
      await following;
    },
  };
}
