/** Who has published a message and may ask for an answer: a client, or a plant in the form of one. */
export interface Requester {
  readonly session: { readonly clientId: string } | undefined;
  /** Absent if there are no access rules. */
  readonly access: { readonly rights: { maySubscribe(topic: string): boolean } } | undefined;
}
