import type { GatewayStatus } from '../runtime/health.ts';
import { flag, type Metric, type MetricSource, one, type Rows } from './metric.ts';

const uplinks =
  (value: (uplink: GatewayStatus['uplinks'][number]) => number | null) =>
  ({ status }: MetricSource): Rows =>
    status.uplinks.flatMap((uplink) => {
      const found = value(uplink);
      return found === null ? [] : [[{ uplink: uplink.name }, found] as const];
    });

/** Clients and their messages. */
export const BROKER_METRICS: readonly Metric[] = [
  {
    kind: 'gauge',
    name: 'cellgate_broker_connections',
    help: 'Clients connected.',
    rows: ({ status }) => one(status.sessions.connected),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_clients',
    help: 'Clients connected, by their version of MQTT.',
    labels: ['version'],
    rows: ({ status }) =>
      Object.entries(status.sessions.versions).map(([version, count]) => [{ version }, count]),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_sessions',
    help: 'Sessions, connected or not.',
    rows: ({ status }) => one(status.sessions.sessions),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_sessions_away',
    help: 'Persistent sessions whose client is not connected.',
    rows: ({ status }) => one(status.sessions.away),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_subscriptions',
    help: 'Subscriptions of all clients.',
    rows: ({ status }) => one(status.sessions.subscriptions),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_shared_groups',
    help: 'Groups of shared subscriptions.',
    rows: ({ status }) => one(status.sessions.shares.groups),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_shared_subscriptions',
    help: 'Members of these groups.',
    rows: ({ status }) => one(status.sessions.shares.members),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_topic_aliases',
    help: 'Topic aliases in use, from clients to the gateway and from the gateway to clients.',
    labels: ['direction'],
    rows: ({ status: { sessions } }) => [
      [{ direction: 'from-client' }, sessions.aliases.fromClient],
      [{ direction: 'to-client' }, sessions.aliases.toClient],
    ],
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_expired_sessions_total',
    help: 'Sessions that ended because their client stayed away for longer than their expiry.',
    rows: ({ status }) => one(status.sessions.expired),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_retained_messages',
    help: 'Retained messages.',
    rows: ({ status }) => one(status.sessions.retained),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_queued_messages',
    help: 'Messages queued for clients.',
    rows: ({ status }) => one(status.sessions.queued),
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_messages_published_total',
    help: 'Messages published by clients and by the gateway itself.',
    rows: ({ status }) => one(status.sessions.published),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_publishers_held',
    help: 'Clients that are not read because a subscriber of theirs has a long queue.',
    rows: ({ status }) => one(status.sessions.flow.publishersHeld),
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_publisher_holds_total',
    help: 'How often a client was not read because a subscriber of its messages had a long queue.',
    rows: ({ status }) => one(status.sessions.flow.holds),
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_publisher_held_seconds_total',
    help: 'Time for which clients were not read because a subscriber had a long queue.',
    rows: ({ status }) => one(status.sessions.flow.heldMs / 1000),
  },
  {
    kind: 'gauge',
    name: 'cellgate_broker_slow_readers',
    help: 'Connected clients that read too slowly to hold up their publishers.',
    rows: ({ status }) => one(status.sessions.flow.slowReaders),
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_slow_readers_total',
    help: 'How often a client became a slow reader.',
    rows: ({ status }) => one(status.sessions.flow.slowReadersTotal),
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_dropped_messages_total',
    help: 'Messages that were dropped before they were delivered.',
    labels: ['reason'],
    rows: ({ drops }) =>
      Object.entries(drops.reasons).map(([reason, count]) => [{ reason }, count]),
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_received_packets_total',
    help: 'MQTT packets from clients.',
    rows: ({ status }) => one(status.sessions.packetsReceived),
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_sent_packets_total',
    help: 'MQTT packets to clients.',
    rows: ({ traffic }) => one(traffic.packetsSent),
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_received_bytes_total',
    help: 'Bytes from clients.',
    rows: ({ traffic }) => one(traffic.bytesReceived),
  },
  {
    kind: 'counter',
    name: 'cellgate_broker_sent_bytes_total',
    help: 'Bytes to clients.',
    rows: ({ traffic }) => one(traffic.bytesSent),
  },
];

/** Connections to the plant and what is queued for it. */
export const UPLINK_METRICS: readonly Metric[] = [
  {
    kind: 'gauge',
    name: 'cellgate_uplink_connected',
    help: 'Whether messages flow to the plant.',
    labels: ['uplink'],
    rows: uplinks(({ state }) => flag(state === 'connected')),
  },
  {
    kind: 'gauge',
    name: 'cellgate_uplink_trouble',
    help: 'What is wrong with the uplink, as status has it; absent while nothing is.',
    labels: ['uplink', 'reason'],
    rows: ({ status }) =>
      status.uplinks.flatMap(({ name, reason }) =>
        reason === null ? [] : [[{ uplink: name, reason }, 1] as const],
      ),
  },
  {
    kind: 'gauge',
    name: 'cellgate_uplink_queued_messages',
    help: 'Messages queued for the plant, with those in flight.',
    labels: ['uplink'],
    rows: uplinks(({ queued }) => queued),
  },
  {
    kind: 'gauge',
    name: 'cellgate_uplink_queued_bytes',
    help: 'Bytes queued for the plant.',
    labels: ['uplink'],
    rows: uplinks(({ bytes }) => bytes),
  },
  {
    kind: 'gauge',
    name: 'cellgate_uplink_oldest_message_age_seconds',
    help: 'Age of the oldest queued message; absent while none is queued.',
    labels: ['uplink'],
    rows: uplinks(({ oldestAge }) => (oldestAge === null ? null : oldestAge / 1000)),
  },
  {
    kind: 'gauge',
    name: 'cellgate_uplink_probe_duration_seconds',
    help: 'Time that the last probe took to the plant and back.',
    labels: ['uplink'],
    rows: uplinks(({ probe }) => (probe === null ? null : probe / 1000)),
  },
  {
    kind: 'counter',
    name: 'cellgate_uplink_sent_messages_total',
    help: 'Messages that the plant has acknowledged.',
    labels: ['uplink'],
    rows: uplinks(({ sent }) => sent),
  },
  {
    kind: 'counter',
    name: 'cellgate_uplink_received_messages_total',
    help: 'Messages from the plant.',
    labels: ['uplink'],
    rows: uplinks(({ received }) => received),
  },
  {
    kind: 'counter',
    name: 'cellgate_uplink_dropped_messages_total',
    help: 'Messages that were dropped and never reached the plant.',
    labels: ['uplink'],
    rows: uplinks(({ dropped }) => Object.values(dropped).reduce((sum, count) => sum + count, 0)),
  },
  {
    kind: 'counter',
    name: 'cellgate_uplink_dead_letters_total',
    help: 'Messages that the plant has refused; they are kept.',
    labels: ['uplink'],
    rows: uplinks(({ deadLetters }) => deadLetters),
  },
  {
    kind: 'counter',
    name: 'cellgate_uplink_reconnects_total',
    help: 'Connections to the plant that ended or failed.',
    labels: ['uplink'],
    rows: uplinks(({ reconnects }) => reconnects),
  },
];
