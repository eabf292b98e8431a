/** How a connection has ended. */
export interface EndedConnection {
  /** Messages have flowed. */
  readonly flowed: boolean;
  /** A message seems to have ended it. */
  readonly isMessage: boolean;
}

/**
 * The place of the address that is tried after the one at `place`: the next one; after a connection that worked the
 * first one. In a cluster all are alike, so there the next one too: the node of the connection may have failed. Only a
 * message that ends connections is tried at the same node again.
 */
export function nextPlace(
  place: number,
  cluster: boolean | undefined,
  { flowed, isMessage }: EndedConnection,
): number {
  if (!flowed) return place + 1;
  if (!cluster) return 0;
  return isMessage ? place : place + 1;
}
