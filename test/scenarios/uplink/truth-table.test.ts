import mqtt from 'mqtt';
import { afterAll, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { startProxy, type TestProxy } from '../../support/proxy.ts';
import { type StandInPlant, startStandInPlant } from '../../support/stand-in-plant.ts';
import { statusWhen } from '../../support/statuses.ts';
import { until } from '../../support/until.ts';

const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** How soon a state is reported, and how soon after its end it is not. */
const WITHIN_MS = 10_000;
/** For a machine that is busy with the other states. */
const SLACK_MS = 4000;

interface Line {
  readonly plant: StandInPlant;
  readonly proxy: TestProxy;
  publish(topic: string, payload?: string | Buffer): void;
}

interface State {
  readonly name: string;
  readonly words: RegExp;
  readonly uplink?: Readonly<Record<string, unknown>>;
  /** Brings the line into the state; what it returns is called again every 200 ms until the end. */
  begin(line: Line): (() => unknown) | undefined;
  end(line: Line): void;
}

const publishing =
  ({ publish }: Line) =>
  () =>
    publish('reading', 'x');

const STATES: readonly State[] = [
  {
    name: 'nothing listens',
    words: /refuses the connection: nothing listens there|cut the connection|could not be reached/,
    begin({ proxy }) {
      proxy.refuse(true);
      proxy.cut();
    },
    end: ({ proxy }) => proxy.refuse(false),
  },
  ...(
    [
      ['the login is refused', 4, 5, /does not let this client in \(not authorised\)/],
      ['the client id is refused', 4, 2, /refuses the client id/],
      ['the plant is not available', 4, 3, /says that it is not available/],
      ['the plant is busy', 5, 0x89, /says that it is busy/],
      ['the client is banned', 5, 0x8a, /has banned this client/],
    ] as const
  ).map(
    ([name, protocol, code, words]): State => ({
      name,
      words,
      uplink: { protocol },
      begin({ plant, proxy }) {
        plant.greet(code);
        proxy.cut();
      },
      end: ({ plant }) => plant.greet(0),
    }),
  ),
  {
    name: 'silent: CONNECT is not answered',
    words: /never answers CONNECT|has not answered CONNECT|cut the connection/,
    begin({ plant, proxy }) {
      plant.greet('silent');
      proxy.cut();
    },
    end({ plant, proxy }) {
      plant.greet(0);
      proxy.cut();
    },
  },
  {
    name: 'stalled: the line takes no bytes',
    words: /messages wait and nothing flows: .* check the plant and the network/,
    uplink: { keepalive: '30s' },
    begin(line) {
      line.proxy.stall();
      return publishing(line);
    },
    end: ({ proxy }) => proxy.resume(),
  },
  {
    name: 'stuck: pings are answered, messages are not',
    words: /messages wait and nothing flows: the plant acknowledges nothing/,
    uplink: { keepalive: '5s' },
    begin(line) {
      line.plant.judge(() => 'ignore');
      return publishing(line);
    },
    end({ plant, proxy }) {
      plant.judge(() => 'take');
      proxy.cut();
    },
  },
  {
    name: 'late: acknowledged after 9 s',
    words: /acknowledges late|acknowledges nothing/,
    uplink: { keepalive: '30s' },
    begin(line) {
      line.plant.judge(() => ({ after: 9000 }));
      return publishing(line);
    },
    end({ plant, proxy }) {
      plant.judge(() => 'take');
      proxy.cut();
    },
  },
  {
    name: 'slow: a large message is on its way',
    words: /the connection is slow: 10\d kB .* urgent messages wait/,
    uplink: { keepalive: '30s' },
    begin(line) {
      line.proxy.limit(5000);
      for (let n = 0; n < 10; n++) line.publish('reading', 'x'.repeat(500));
      setTimeout(() => line.publish('picture', Buffer.alloc(100_000)), 2500);
    },
    end: ({ proxy }) => proxy.limit(undefined),
  },
  {
    name: 'flapping',
    words: /the connection was lost \d+ times in the last minute: check the network/,
    begin({ proxy }) {
      return () => Math.random() < 0.15 && proxy.cut();
    },
    end() {},
  },
  {
    name: 'taken over',
    words: /another client has taken the same client id/,
    uplink: { protocol: 5, reconnectMax: '8s' },
    begin({ plant }) {
      plant.disconnect(0x8e);
      return () => plant.disconnect(0x8e);
    },
    end() {},
  },
  {
    name: 'shutting down',
    words: /is shutting down/,
    uplink: { protocol: 5, reconnectMax: '8s' },
    begin({ plant }) {
      plant.disconnect(0x8b);
      return () => plant.disconnect(0x8b);
    },
    end() {},
  },
  {
    name: 'a message at which the plant closes',
    words: /message on p\/odd \(\d+ bytes\) is suspected: the connection ended/,
    begin({ plant, publish }) {
      plant.judge(({ topic }) => (topic === 'p/odd' ? 'close' : 'take'));
      publish('odd', 'x');
    },
    end: ({ plant }) => plant.judge(() => 'take'),
  },
];

interface Seen {
  /** What each of the four shows at present. */
  texts(): Promise<Readonly<Record<'page' | 'status' | 'metrics' | 'log', string>>>;
}

async function observe(gateway: TestGateway, client: mqtt.MqttClient): Promise<Seen> {
  const latest = { page: '', status: '' };
  client.on('message', (topic, payload) => {
    if (topic.endsWith('/plant')) latest.page = String(JSON.parse(payload.toString()).reason);
    else latest.status = payload.toString();
  });
  await client.subscribeAsync(['$SYS/cellgate/uplink/plant', '$SYS/cellgate/troubles']);
  return {
    async texts() {
      const metrics = await fetch(`http://127.0.0.1:${gateway.httpPort}/metrics`);
      const lines = (await metrics.text()).split('\n');
      return {
        ...latest,
        metrics: lines.filter((line) => line.startsWith('cellgate_uplink_trouble{')).join('\n'),
        log: gateway.stdout(),
      };
    },
  };
}

test.concurrent.each(STATES)(
  '$name: status, page, log and metrics say so, and stop saying it',
  {
    timeout: 120_000,
  },
  async ({ name, words, uplink, begin, end }) => {
    const plant = await startStandInPlant();
    ends.push(() => plant.close());
    const proxy = await startProxy(plant.port);
    ends.push(() => proxy.close());
    const gateway = await startGateway({
      http: {},
      config: {
        uplinks: [
          {
            name: 'plant',
            url: `mqtt://127.0.0.1:${proxy.port}`,
            protocol: 4,
            keepalive: '5s',
            reconnectMax: '1s',
            routes: [{ out: '#', to: 'p/' }],
            ...uplink,
          },
        ],
      },
    });
    ends.push(() => gateway.dispose());
    await statusWhen(gateway.port, ({ state }) => state === 'connected', 60_000);
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
    ends.push(() => client.endAsync(true));
    const seen = await observe(gateway, client);
    const line: Line = {
      ...{ plant, proxy },
      publish: (topic, payload = 'x') => void client.publish(topic, payload, { qos: 1 }),
    };
    const began = performance.now();
    const again = begin(line);
    const timer = setInterval(() => again?.(), 200);
    ends.push(() => clearInterval(timer));
    const saidAt: Record<string, number> = {};
    await until(
      `${name} is said`,
      async () => {
        for (const [where, text] of Object.entries(await seen.texts())) {
          if (words.test(text)) saidAt[where] ??= Math.round(performance.now() - began);
        }
        return Object.keys(saidAt).length === 4;
      },
      WITHIN_MS + SLACK_MS,
    ).catch(async () => {
      throw new Error(`${name}: ${JSON.stringify({ saidAt, ...(await seen.texts()) })}`);
    });
    clearInterval(timer);
    end(line);
    const ended = performance.now();
    await until(
      `${name} is not said any more`,
      async () => {
        const { page, status, metrics } = await seen.texts();
        return ![page, status, metrics].some((text) => words.test(text));
      },
      WITHIN_MS + SLACK_MS,
    );
    console.log(
      `${name}: ${JSON.stringify({ saidAt, gone: Math.round(performance.now() - ended) })}`,
    );
  },
);
