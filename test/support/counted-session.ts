/** A session as the lists of sessions see it. */
export function countedSession(clientId: string, over: object = {}) {
  return {
    clientId,
    ...{ owner: '', online: false, persistent: true, onlineSince: 100, awaySince: 200 },
    ...{ subscriptions: { size: 0 }, queue: { count: 0, bytes: 0 }, inflight: 0 },
    ...{ flow: { slow: false }, drops: new Map<string, number>(), expiryMs: 90_000 },
    ...over,
  };
}
