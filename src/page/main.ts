import 'uplot/dist/uPlot.min.css';
import { createAlarms } from './alarms.ts';
import { createClients } from './clients.ts';
import { createConfirmDialog } from './confirm-dialog.ts';
import { element, setAttribute, setText } from './dom.ts';
import { Gateway, type State } from './gateway.ts';
import { createLog } from './log.ts';
import { createLogin } from './login.ts';
import { createOutputs } from './outputs.ts';
import { createSensors } from './sensors.ts';
import { createShares } from './shares.ts';
import { createStore } from './store.ts';
import { chooseLanguage, language, span, translate } from './translations.ts';
import { createUplinks } from './uplinks.ts';

const SYS = '$SYS/cellgate/';
const RENDER_MS = 250;
const LOG_MS = 2000;
const POINT_MS = 5000;

document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
const header = document.querySelector('header')!;
const main = document.querySelector('main')!;
setText(document.querySelector('.skip')!, translate('skip'));

let troubleCount = 0;
let about = { cell: '', version: '', started: 0 };
const gateway = new Gateway({ state: onState, message: onMessage, denied: onDenied });

const title = element('h1', { lang: 'en' }, 'cellgate');
const version = element('p', { class: 'version' });
const connection = element('span', { class: 'pill connection', role: 'status' });
const alarmCount = element('span', { class: 'pill count', hidden: true });
const logout = element('button', { type: 'button', hidden: true }, translate('logout'));
logout.addEventListener('click', () => location.reload());
const other = language === 'zh' ? 'en' : 'zh';
const choice = element(
  'button',
  { type: 'button', lang: other === 'zh' ? 'zh-CN' : 'en' },
  other === 'zh' ? '中文' : 'English',
);
choice.addEventListener('click', () => chooseLanguage(other));
header.append(
  element('div', { class: 'names' }, title, version),
  element('div', { class: 'tools' }, alarmCount, connection, choice, logout),
);

const troubles = element('ul', { lang: 'en' });
const troublesBox = element('section', {
  class: 'troubles',
  'aria-live': 'polite',
  'aria-label': translate('troubles'),
});
const lostBox = element('p', { class: 'lost', role: 'alert' });
const sensors = createSensors(gateway, () => about.cell);
const alarms = createAlarms(gateway);
const confirm = createConfirmDialog();
const outputs = createOutputs(gateway, confirm);
const uplinks = createUplinks(gateway);
const clients = createClients(gateway, confirm);
const shares = createShares();
const store = createStore();
const log = createLog(gateway);
const login = createLogin((credentials) => gateway.connect(credentials));

const section = (
  name: 'alarms' | 'sensors' | 'outputs' | 'uplinks' | 'clients' | 'shares' | 'store' | 'log',
  node: Element,
) =>
  element(
    'section',
    { id: name, 'aria-labelledby': `${name}-title`, hidden: true },
    element('h2', { id: `${name}-title` }, translate(name)),
    node,
  );
const sections = {
  alarms: section('alarms', alarms.all),
  sensors: section('sensors', sensors.node),
  outputs: section('outputs', outputs.node),
  uplinks: section('uplinks', uplinks.node),
  clients: section('clients', clients.node),
  shares: section('shares', shares.node),
  store: section('store', store.node),
  log: section('log', log.node),
};
const view = element('div', { class: 'view' }, lostBox, troublesBox, ...Object.values(sections));
main.append(view);

/** Shows a section, or hides it while it is empty. */
function reveal(name: keyof typeof sections, filled: boolean): void {
  setAttribute(sections[name], 'hidden', !filled);
}

function onState(state: State, wrong: boolean): void {
  document.body.dataset.state = state;
  setText(connection, translate(state));
  setText(lostBox, state === 'lost' ? translate('lostLong') : '');
  logout.hidden = gateway.user === undefined || state === 'login';
  if (state === 'login') {
    main.replaceChildren(login.node);
    login.show(wrong);
  }
  if (state !== 'live') return;
  if (!main.contains(view)) main.replaceChildren(view);
  sensors.reload();
  uplinks.reload();
  outputs.reloadRights();
  alarms.reloadRights();
  void clients.readRight();
  log.clear();
  void log.poll();
  reveal('log', true);
}

function onDenied(filters: readonly string[]): void {
  if (filters.some((filter) => filter.startsWith(SYS))) showTroubles([translate('notAllowed')]);
}

function onMessage(topic: string, payload: string): void {
  if (!topic.startsWith(SYS)) {
    if (sensors.receive(topic, payload) || outputs.receive(topic, payload)) return;
    alarms.receive(topic, payload);
    return;
  }
  if (payload === '') return;
  const name = topic.slice(SYS.length);
  const value = JSON.parse(payload);
  if (name === 'gateway') {
    about = value;
    setText(title, about.cell);
    showTitle();
    uplinks.only(value.uplinks);
    reveal('uplinks', value.uplinks.length > 0);
  } else if (name === 'troubles') showTroubles(value);
  else if (name === 'sensors') {
    sensors.show(value);
    reveal('sensors', value.length > 0);
  } else if (name === 'alarms') {
    alarms.show(value);
    reveal('alarms', value.length > 0);
    setAttribute(alarmCount, 'hidden', alarms.count === 0);
    setText(alarmCount, translate('alarmCount', { count: String(alarms.count) }));
    showTitle();
  } else if (name === 'outputs') {
    outputs.show(value);
    reveal('outputs', value.length > 0);
  } else if (name === 'clients') {
    clients.show(value);
    reveal('clients', value.length > 0);
  } else if (name === 'shares') {
    shares.show(value);
    reveal('shares', value.length > 0);
  } else if (name === 'store') {
    store.show(value);
    reveal('store', true);
  } else if (name.startsWith('uplink/')) {
    uplinks.receive(value);
  }
}

/** The title has the number of troubles and alarms, so that a tab in the background shows it. */
function showTitle(): void {
  const total = troubleCount + alarms.count;
  const count = total > 0 ? `(${total}) ` : '';
  document.title = `${count}${about.cell} – cellgate`;
}

function showTroubles(sentences: readonly string[]): void {
  const well = sentences.length === 0;
  troubleCount = sentences.length;
  showTitle();
  setAttribute(troublesBox, 'data-well', well);
  if (well) return troublesBox.replaceChildren(element('p', {}, translate('allWell')));
  troubles.replaceChildren(...sentences.map((sentence) => element('li', {}, sentence)));
  if (!troublesBox.contains(troubles)) {
    troublesBox.replaceChildren(element('h2', {}, translate('troubles')), troubles);
  }
}

setInterval(() => {
  sensors.render();
  if (about.version === '') return;
  const time = span(gateway.now() - about.started);
  setText(version, translate('version', { version: about.version, time }));
}, RENDER_MS);
setInterval(() => {
  if (document.body.dataset.state === 'live') void log.poll();
}, LOG_MS);
setInterval(() => {
  if (document.body.dataset.state !== 'live') return;
  sensors.advance();
  uplinks.advance();
}, POINT_MS);

gateway.subscribe([`${SYS}#`]);
gateway.connect(undefined);
