import { shortTopic } from '../../base/faults.ts';

/** Who has published a message and may ask for an answer: a client, or a plant in the form of one. */
export interface Requester {
  readonly session: { readonly clientId: string } | undefined;
  /** Absent if there are no access rules. */
  readonly access:
    | {
        readonly rights: { maySubscribe(topic: string): boolean };
        readonly identity?: { readonly user: string | undefined };
      }
    | undefined;
  /** The name of the uplink of a plant. */
  readonly uplink?: string;
}

/** For the log: such as `user "anna", client "hmi"`. Names from the network are cut and escaped. */
export function senderOf({ session, access, uplink }: Requester): string {
  if (uplink !== undefined) return `uplink ${uplink}`;
  const user = access?.identity?.user;
  const client = `client ${shortTopic(session?.clientId ?? '')}`;
  return user === undefined ? client : `user ${shortTopic(user)}, ${client}`;
}

/** The same for a will, whose client is gone. */
export function willSender(clientId: string): string {
  return `the will of client ${shortTopic(clientId)}`;
}
