import { element, setAttribute, setText } from './dom.ts';
import { createGroupCards } from './group-cards.ts';
import { icon } from './icons.ts';
import type { QualityCounts, Readings } from './readings.ts';
import { showReason } from './reasons.ts';
import { addressOf, type Tab } from './router.ts';
import { counted, number, translate } from './translations.ts';
import { type Facts, verdictOf } from './verdict.ts';
import type { VisibleNodes } from './visible-nodes.ts';

/** Troubles that are shown at once. */
const TROUBLES = 6;
/** A number with more characters is smaller on a phone. */
const LONG = 5;

/** The first section: whether the cell is well, its numbers, what is wrong, and the values by group. */
export function createOverview(
  readings: Readings,
  visible: VisibleNodes,
  raisedAlarms: Element,
  switchedLast: Element,
  deniedTroubles: Element,
) {
  const verdict = element('p', { class: 'verdict', role: 'status' });
  const numbers = {
    good: createNumber('sensors', translate('good')),
    uncertain: createNumber('sensors', translate('uncertain')),
    bad: createNumber('sensors', translate('bad')),
    stale: createNumber('sensors', translate('stale')),
    alarms: createNumber('alarms', translate('alarms')),
    plant: createNumber('plant', translate('plantWaiting')),
    clients: createNumber('clients', translate('clientsOnline')),
  };
  const figures = element('ul', { class: 'numbers' });
  figures.append(...Object.values(numbers).map(({ node }) => node));
  const alarms = part('alarms', raisedAlarms);
  const switched = part('outputs', switchedLast, 'switchedLast');
  const troubles = createTroubles();
  const groups = createGroupCards(readings, visible);
  const sensors = part('sensors', groups.node);
  let before = '';
  return {
    node: element(
      'div',
      { class: 'view' },
      verdict,
      deniedTroubles,
      figures,
      alarms,
      troubles.node,
      switched,
      sensors,
    ),
    /** Called a few times a second. */
    render(facts: Facts): void {
      groups.render();
      switched.hidden = switchedLast.childElementCount === 0;
      const { counts } = readings;
      const key = JSON.stringify([facts, counts]);
      if (key === before) return;
      before = key;
      showVerdict(verdict, facts, counts);
      for (const name of ['good', 'uncertain', 'bad', 'stale'] as const) {
        numbers[name].show(counts[name], counts[name] === 0 ? 'none' : name);
      }
      numbers.alarms.show(facts.alarms, facts.alarms === 0 ? 'none' : 'bad');
      const { all, connected, waiting } = facts.uplinks;
      numbers.plant.show(waiting, connected < all ? 'bad' : 'none');
      numbers.plant.node.hidden = all === 0;
      numbers.clients.show(facts.clients, 'none');
      numbers.clients.node.hidden = facts.isDenied;
      alarms.hidden = facts.alarms === 0 && raisedAlarms.childElementCount === 0;
      troubles.show(facts.troubles ?? []);
      sensors.hidden = readings.size === 0;
    },
  };
}

function showVerdict(node: Element, facts: Facts, counts: QualityCounts): void {
  const { state, wrong } = verdictOf(facts, counts);
  const texts = wrong.map(([what, count]) => `${count} ${counted(what, count)}`);
  const unknown = translate(facts.isDenied && facts.isLive ? 'wellAsSeen' : 'unknownYet');
  const text =
    state === 'unknown' ? unknown : state === 'well' ? translate('allWell') : texts.join(' · ');
  if (node.getAttribute('data-state') === state && node.textContent === text) return;
  setAttribute(node, 'data-state', state);
  node.replaceChildren(icon(state === 'well' ? 'well' : 'alarm'), element('span', {}, text));
}

/** A number with its name, which is a link to its tab. */
function createNumber(tab: Tab, name: string) {
  const value = element('b');
  const link = element('a', { href: addressOf(tab) }, value, element('span', {}, name));
  const node = element('li', {}, link);
  return {
    node,
    show(count: number, state: string): void {
      const text = number(count);
      setText(value, text);
      value.classList.toggle('long', text.length > LONG);
      setAttribute(node, 'data-state', state);
    },
  };
}

function part(
  name: 'alarms' | 'outputs' | 'sensors',
  content: Element,
  text: 'switchedLast' | typeof name = name,
): HTMLElement {
  const id = `overview-${name}`;
  const title = element('h2', { id }, translate(text));
  return element('section', { 'aria-labelledby': id, hidden: true }, title, content);
}

function troubleItem(sentence: string, hidden: boolean): HTMLLIElement {
  const text = element('span');
  showReason(text, sentence);
  return element('li', { hidden }, icon('trouble'), text);
}

/** One line for each trouble; the first few, and the others on demand. */
function createTroubles() {
  const list = element('ul', { class: 'rows' });
  const more = element('button', { type: 'button', hidden: true });
  const title = element('h2', { id: 'troubles-title' }, translate('troubles'));
  const node = element('section', { class: 'troubles', hidden: true });
  setAttribute(node, 'aria-labelledby', 'troubles-title');
  setAttribute(node, 'aria-live', 'polite');
  node.append(title, list, more);
  let isOpen = false;
  let sentences: readonly string[] = [];
  const draw = (): void => {
    node.hidden = sentences.length === 0;
    const items = sentences.map((sentence, index) =>
      troubleItem(sentence, !isOpen && index >= TROUBLES),
    );
    list.replaceChildren(...items);
    more.hidden = isOpen || sentences.length <= TROUBLES;
    setText(more, translate('othersToo', { count: String(sentences.length - TROUBLES) }));
  };
  more.addEventListener('click', () => {
    isOpen = true;
    draw();
  });
  return {
    node,
    show(next: readonly string[]): void {
      if (String(next) === String(sentences)) return;
      sentences = next;
      draw();
    },
  };
}
