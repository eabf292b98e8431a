import { createRequire } from 'node:module';
import { test } from 'node:test';
import { AedesPersistence } from '../../../../dist/src/broker/control/aedes-persistence.js';

const abstractPersistence = createRequire(import.meta.url)('aedes-persistence/abstract.js');

/** What of aedes-persistence's own suite our adapter keeps to: it is asked for wills alone. */
const APPLIES = [
  'verify setup() method is async',
  'store, fetch and delete will message',
  'delete wills from dead brokers',
];

/** What it leaves out, by reason. A test that is in neither list is new: look what it asks for. */
const LEFT_OUT = {
  'wills are streamed of other brokers alone, or aedes would publish those of its connected clients':
    ['stream all will messages', 'stream all will message for unknown brokers'],
  "retained messages are the data plane's": [
    'store and look up retained messages',
    'look up retained messages with a # pattern',
    'look up retained messages with a hello/world/# pattern',
    'look up retained messages with a + pattern',
    'look up retained messages with a + as first element',
    'look up retained messages with +/#',
    'look up retained messages with a + and # pattern with some in between',
    'look up retained messages with multiple patterns',
    'look up retained messages with multiple wildcard patterns',
    'store multiple retained messages in order',
    'remove retained message',
    'storing twice a retained message should keep only the last',
    'Create a new packet while storing a retained message',
  ],
  "sessions and subscriptions are the data plane's": [
    'store and look up subscriptions by client',
    'store and look up a subscription with an MQTT 5.0 subscription identifier',
    'remove subscriptions by client',
    'store and look up subscriptions by topic',
    'get client list after subscriptions',
    'get client list after an unsubscribe',
    'get subscriptions list after an unsubscribe',
    'QoS 0 subscriptions, restored but not matched',
    'clean subscriptions',
    'clean subscriptions with no active subscriptions',
    'same topic, different QoS',
    'replace subscriptions',
    'replace subscriptions in same call',
    'store and count subscriptions',
    'count subscriptions with two clients',
    'add duplicate subs to persistence for qos > 0',
    'add duplicate subs to persistence for qos 0',
    'get topic list after concurrent subscriptions of a client',
    'add outgoing packet for multiple subs and stream to all',
  ],
  'CONNACK is sent by the data plane: aedes waits for ever before it': [
    'clean incoming packets with no stored packets',
  ],
  "queues and handshakes are the data plane's": [
    'add outgoing packet and stream it',
    'add outgoing packet as a string and pump',
    'add outgoing packet as a string and stream',
    'add outgoing packet and stream it twice',
    'add outgoing packet and update messageId',
    'add 2 outgoing packet and clear messageId',
    'add many outgoing packets and clear messageIds',
    'update to publish w/ same messageId',
    'update to pubrel',
    'add incoming packet, get it, and clear with messageId',
    'clean incoming packets',
    'do not error if unkown messageId in outoingClearMessageId',
  ],
};

/** The suite also looks at the broker of its instance, and gives the instance up at the end. */
class Tested extends AedesPersistence {
  async setup(broker) {
    this.broker = broker;
    await super.setup(broker);
  }
  async destroy() {}
}

const names = [];

abstractPersistence({
  test(name, run) {
    names.push(name);
    if (APPLIES.includes(name)) test(name, run);
  },
  testAsync: true,
  persistence: async () =>
    new Tested({
      store: { journal: { add() {} } },
      registered: () => undefined,
      accepted() {},
    }),
});

test("the suite's tests are those that were looked at", (t) => {
  const known = [...APPLIES, ...Object.values(LEFT_OUT).flat()];
  t.assert.deepEqual(names.toSorted(), known.toSorted());
});
