import { type Faults, shortTopic } from '../../base/faults.ts';
import type { Connection } from '../clients/connection.ts';
import { connectionName } from '../clients/connection-name.ts';
import type { ControlPlaneEvents } from './control-plane.ts';

/** The same events: one that throws ends its connection and is counted. aedes must not see an error of ours. */
export function guardedEvents(events: ControlPlaneEvents, faults: Faults): ControlPlaneEvents {
  const guarded = (what: string, connection: Connection, act: () => void): void => {
    try {
      act();
    } catch (error) {
      connection.close(faults.caught('control', `${what} ${connectionName(connection)}`, error));
    }
  };
  return {
    ...events,
    registered: (connection, clientId) =>
      guarded('connecting', connection, () => events.registered(connection, clientId)),
    connack: (connection, returnCode) =>
      guarded('connecting', connection, () => events.connack(connection, returnCode)),
    ended: (connection, reason) =>
      guarded('ending', connection, () => events.ended(connection, reason)),
    will(message, clientId) {
      try {
        events.will(message, clientId);
      } catch (error) {
        const topic = shortTopic(message.topic);
        faults.caught('control', `publishing the will of ${clientId} on ${topic}`, error);
      }
    },
  };
}
