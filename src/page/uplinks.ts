import type { UplinkStatus } from '../uplink/uplink.ts';
import { type Chart, createChart } from './chart.ts';
import { createFacts, createKeyed, element, setAttribute, setText } from './dom.ts';
import type { Gateway } from './gateway.ts';
import { showReason } from './reasons.ts';
import { number, span, translate } from './translations.ts';

interface Card {
  readonly node: HTMLLIElement;
  readonly state: HTMLElement;
  readonly url: HTMLElement;
  readonly reason: HTMLElement;
  readonly facts: ReturnType<typeof createFacts>;
  /** The range of the chart, for screen readers. */
  readonly range: HTMLElement;
  readonly chart: Chart;
  readonly topic: string;
  status: UplinkStatus;
}

/** One card for each uplink: its state, its waiting messages, and their number in the last hour. */
export function createUplinks(gateway: Gateway) {
  const list = element('ul', { class: 'cards wide' });
  const uplinks = new Map<string, UplinkStatus>();

  const cards = createKeyed<UplinkStatus, Card>(list, (status) => {
    const parts = {
      state: element('span', { class: 'pill' }),
      url: element('p', { class: 'address', lang: 'en' }),
      reason: element('p', { class: 'reason', lang: 'en' }),
      facts: createFacts([
        ['waiting', translate('waiting')],
        ['oldest', translate('oldest')],
        ['rate', translate('rate')],
        ['eta', translate('eta')],
        ['sent', translate('sentTotal')],
        ['dropped', translate('dropped')],
        ['dead', translate('deadLetters')],
      ]),
      range: element('p', { class: 'hidden' }),
      chart: createChart({ height: 120, axes: true, steps: false, fromZero: true }),
      topic: `$SYS/cellgate/uplink/${status.name}`,
    };
    const node = element(
      'li',
      { class: 'card uplink', 'data-uplink': status.name },
      element('div', { class: 'head' }, element('h3', { lang: 'en' }, status.name), parts.state),
      parts.url,
      parts.reason,
      parts.facts.node,
      parts.chart.node,
      parts.range,
    );
    const card: Card = { ...parts, node, status };
    void loadHistory(card);
    return card;
  });

  const loadHistory = async (card: Card): Promise<void> => {
    const histories = await gateway.history([card.topic]).catch(() => undefined);
    const series = histories?.[card.topic];
    if (series) card.chart.show(series);
    showRange(card);
  };

  let names: readonly string[] = [];
  const configured = (): UplinkStatus[] =>
    [...uplinks.values()].filter(({ name }) => names.includes(name));
  const show = (): void => {
    const sorted = configured().sort((a, b) => a.name.localeCompare(b.name));
    cards.show(sorted, ({ name }) => name, showCard);
  };

  return {
    node: list,
    /** How many are configured and connected, and the messages that wait in all. */
    summary: () => summaryOf(configured(), names.length),
    /** Shows only these: the retained status of another uplink is of an earlier config. */
    only(next: readonly string[]): void {
      names = next;
      show();
    },
    receive(status: UplinkStatus): void {
      uplinks.set(status.name, status);
      show();
      cards.parts.get(status.name)?.chart.add(gateway.now(), status.queued);
    },
    /** Called every few seconds: a number that does not change has points too. */
    advance(): void {
      for (const card of cards.parts.values()) {
        card.chart.add(gateway.now(), card.status.queued);
        showRange(card);
      }
    },
    /** Loads the charts again: after a time without the gateway they have gaps. */
    reload(): void {
      for (const card of cards.parts.values()) void loadHistory(card);
    },
  };
}

function summaryOf(shown: readonly UplinkStatus[], all: number) {
  const connected = shown.filter(({ state }) => state === 'connected').length;
  return { all, connected, waiting: shown.reduce((sum, { queued }) => sum + queued, 0) };
}

function showCard(card: Card, status: UplinkStatus): void {
  const { node, state, url, reason, facts } = card;
  card.status = status;
  setAttribute(node, 'data-state', status.state);
  setText(state, `${translate(status.state)} · ${span(status.since)}`);
  setText(url, [status.url, status.protocol ?? []].flat().join(', '));
  showReason(reason, status.reason ?? '');
  const dropped = Object.values(status.dropped).reduce((sum, count) => sum + count, 0);
  facts.set('waiting', number(status.queued));
  facts.set('oldest', status.oldestAge === null ? '–' : span(status.oldestAge));
  facts.set('rate', translate('perSecond', { count: number(status.rate) }));
  facts.set(
    'eta',
    status.queued === 0 ? '–' : status.eta === null ? translate('unknown') : span(status.eta),
  );
  facts.set('sent', number(status.sent));
  facts.set('dropped', number(dropped));
  facts.set('dead', number(status.deadLetters));
}

function showRange({ chart, range: node }: Card): void {
  const { range } = chart;
  if (range) setText(node, translate('lastHourBacklog', range));
}
