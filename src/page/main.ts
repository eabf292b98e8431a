import 'uplot/dist/uPlot.min.css';
import type { SessionStatus } from '../broker/stats/status.ts';
import type { SensorStatus } from '../sensors/sensor-status.ts';
import { createAlarms } from './alarms.ts';
import { createConfirmDialog } from './confirm-dialog.ts';
import { element, setText } from './dom.ts';
import { createFrame } from './frame.ts';
import { type Credentials, Gateway, type State } from './gateway.ts';
import { createLazySection } from './lazy-section.ts';
import { createLimitedView } from './limited-view.ts';
import { createLogin } from './login.ts';
import { createOutputs } from './outputs.ts';
import { createOverview } from './overview.ts';
import { Readings } from './readings.ts';
import { type Place, placeOf } from './router.ts';
import { createSections } from './sections.ts';
import { sensorPlaceOf } from './sensor-address.ts';
import { createSensors } from './sensors.ts';
import { createShares } from './shares.ts';
import { createStore } from './store.ts';
import { locale, longSpan, translate } from './translations.ts';
import { createUplinks } from './uplinks.ts';
import { createVisibleNodes } from './visible-nodes.ts';
import { VisibleTopics } from './visible-topics.ts';

const SYS = '$SYS/cellgate/';
/** Of connected clients. */
const CONNECTED = '$SYS/broker/clients/connected';
const RENDER_MS = 250;
const POLL_MS = 2000;
const POINT_MS = 5000;

document.documentElement.lang = locale;
const main = document.querySelector('main')!;
const skip = document.querySelector('.skip')!;
setText(skip, translate('skip'));
skip.addEventListener('click', (event) => {
  // The fragment of the address is the section.
  event.preventDefault();
  main.focus();
});

let troubles: readonly string[] | undefined;
let connectedClients = 0;
let listedClients: readonly SessionStatus[] = [];
let sensorStatus: readonly SensorStatus[] = [];
let state: State = 'connecting';
let wasLive = false;
let place: Place = { tab: 'overview', part: '', encoded: '' };
let about = { cell: '', version: '', started: 0 };
const gateway = new Gateway({ state: onState, message: onMessage, denied: onDenied });

const frame = createFrame(document.querySelector('header')!, () => void logInOrOut());
const lostBox = element('p', { class: 'lost', role: 'alert' });
const readings = new Readings();
const visible = new VisibleTopics(gateway);
const visibleNodes = createVisibleNodes(visible);
const confirm = createConfirmDialog();
const alarms = createAlarms(gateway);
const sensors = createSensors(gateway, readings, visibleNodes);
const outputs = createOutputs(gateway, confirm);
const uplinks = createUplinks(gateway);
const clients = createLazySection(async () => {
  const { Clients } = await import('./clients/clients.ts');
  return new Clients(gateway, confirm);
});
const users = createLazySection(async () => {
  const { Users } = await import('./users/users.ts');
  return new Users(gateway, confirm);
});
const sensorPage = createLazySection(async () => {
  const { SensorPage } = await import('./sensor/sensor-page.ts');
  return SensorPage.load({
    ...{ gateway, readings, visible },
    place: () => sensorPlaceOf(place.encoded),
    alarms: () => alarms.list,
  });
});
const topics = createLazySection(async () => {
  const { Topics } = await import('./topics/topics.ts');
  return new Topics(gateway, confirm);
});
const config = createLazySection(async () => {
  const { createConfigSection } = await import('./config/config.ts');
  return createConfigSection(gateway, confirm);
});
const shares = createShares();
const store = createStore();
const log = createLazySection(async () => {
  const { Log } = await import('./log.ts');
  return new Log(gateway);
});
const login = createLogin(logIn);
const limited = createLimitedView(gateway, receiveState);
const { notes } = limited;
const overview = createOverview(
  readings,
  visibleNodes,
  alarms.raised,
  outputs.latest,
  notes.troubles,
);

const sections = createSections({
  overview: [{ node: overview.node }],
  sensors: [{ node: notes.sensors }, { node: sensors.node }, { node: sensorPage.node }],
  alarms: [{ node: notes.alarms }, { node: alarms.all, empty: 'noAlarms' }],
  outputs: [{ node: notes.outputs }, { node: outputs.node, empty: 'noOutputs' }],
  plant: [{ node: notes.uplinks }, { node: uplinks.node, empty: 'noUplinks' }],
  clients: [
    { node: clients.node },
    { node: shares.node, title: 'shares' },
    { node: notes.shares },
    { node: users.node },
  ],
  topics: [{ node: topics.node }],
  system: [
    { node: store.node, title: 'store' },
    { node: notes.store },
    { node: log.node, title: 'log' },
  ],
  config: [{ node: config.node }],
});
const view = element('div', { class: 'page' }, lostBox, ...sections.nodes);
main.append(view);
addEventListener('hashchange', showPlace);
document.addEventListener('visibilitychange', () => {
  showLazy();
  // No readings came meanwhile.
  if (!document.hidden && state === 'live') sensors.reload();
});
showPlace();

/** The sections that work only while they are on the screen. */
function showLazy(): void {
  const isLive = state === 'live' && !document.hidden;
  clients.show(isLive && place.tab === 'clients');
  topics.show(isLive && place.tab === 'topics');
  log.show(isLive && place.tab === 'system');
  users.show(isLive && place.tab === 'clients' && gateway.isAdministrator);
  config.show(isLive && place.tab === 'config');
  showSensorPage(isLive);
}

/** Shows the section that the address names. */
function showPlace(): void {
  const before = place;
  place = placeOf(location.hash) ?? { tab: 'overview', part: '', encoded: '' };
  const { tab } = place;
  sections.choose(tab);
  frame.choose(tab);
  // Another sensor, or another time: the section begins again.
  sensorPage.show(false);
  showLazy();
  render();
  if (isGroup()) sensors.go(place.part);
  // The next chart of the same sensors is at the same place of the screen.
  else if (tab !== before.tab || place.part === '' || before.part === '') scrollTo(0, 0);
}

/** Whether the address names a group of sensors, and not some of them. */
function isGroup(): boolean {
  return place.tab === 'sensors' && place.part !== '' && sensors.hasGroup(place.part);
}

/** Either the tiles or the page of a sensor. */
function showSensorPage(isLive: boolean): void {
  // A group is known once the sensors are.
  const isKnown = readings.size > 0 && place.part !== '' && !isGroup();
  const isPage = place.tab === 'sensors' && isKnown;
  sensors.node.hidden = isPage;
  sensorPage.node.hidden = !isPage;
  sensorPage.show(isLive && isPage);
}

function onState(next: State): void {
  state = next;
  document.body.dataset.state = state;
  setText(lostBox, state === 'lost' ? translate('lostLong') : '');
  frame.showConnection(translate(state), state !== 'login');
  if (state === 'login') showLogin();
  showLazy();
  if (state !== 'live') return;
  wasLive = true;
  void showUser();
  if (!main.contains(view)) main.replaceChildren(view);
  sensors.reload();
  uplinks.reload();
  outputs.reloadRights();
  alarms.reloadRights();
}

function showLogin(): void {
  frame.showUser('', undefined);
  main.replaceChildren(login.node);
  login.show();
}

/** Asks the gateway who has logged in: the cookie is not for scripts. */
async function showUser(): Promise<void> {
  const present = await gateway.login().catch(() => undefined);
  if (!present || state !== 'live') return;
  const button = gateway.user ? 'logout' : present.hasUsers ? 'login' : undefined;
  frame.showUser(gateway.user ?? '', button);
  users.node.hidden = !gateway.isAdministrator;
  showLazy();
}

/** What an earlier user has seen is not for the next one: then the page begins again. */
async function logIn(credentials: Credentials): Promise<boolean> {
  const isRight = await gateway.logIn(credentials);
  if (isRight && wasLive) location.reload();
  else if (isRight) gateway.connect();
  return isRight;
}

async function logInOrOut(): Promise<void> {
  if (gateway.user === undefined) return showLogin();
  try {
    await gateway.logOut();
    location.reload();
  } catch {
    setText(lostBox, translate('noAnswerYet'));
  }
}

function onDenied(filters: readonly string[]): void {
  if (filters.some((filter) => filter.startsWith(SYS))) limited.limit();
}

function onMessage(topic: string, payload: string): void {
  if (topic === CONNECTED) {
    connectedClients = Number(payload);
    return;
  }
  if (!topic.startsWith(SYS)) {
    if (readings.receive(topic, payload, gateway.now())) return;
    if (!outputs.receive(topic, payload)) alarms.receive(topic, payload);
    return;
  }
  if (payload !== '') receiveState(topic.slice(SYS.length), JSON.parse(payload));
}

/** Takes a part of the gateway's state, by the name of its topic below `$SYS/cellgate/`. */
// biome-ignore lint/suspicious/noExplicitAny: each part has its own form, which the gateway writes.
function receiveState(name: string, value: any): void {
  if (name === 'gateway') {
    about = value;
    uplinks.only(value.uplinks);
    showSensors();
  } else if (name === 'troubles') troubles = value;
  else if (name === 'sensors') {
    sensorStatus = value;
    showSensors();
  } else if (name === 'alarms') alarms.show(value);
  else if (name === 'outputs') outputs.show(value);
  else if (name === 'clients') listedClients = value;
  else if (name === 'shares') shares.show(value);
  else if (name === 'store') store.show(value);
  else if (name.startsWith('uplink/')) uplinks.receive(value);
}

/** The names of channels need the name of the cell, whichever comes first. */
function showSensors(): void {
  if (about.cell === '') return;
  readings.show(sensorStatus, about.cell);
}

/** The list has a hundred sessions at most. It has changes within a second, the count of all within ten. */
function onlineClients(): number {
  if (listedClients.length >= 100) return connectedClients;
  return listedClients.filter(({ online }) => online).length;
}

/** Brings what has changed to the screen. */
function render(): void {
  const isLive = state === 'live';
  visible.update(document.hidden, performance.now());
  const facts = { alarms: alarms.count, troubles, uplinks: uplinks.summary() };
  const isDenied = limited.isShown;
  overview.render({ ...facts, clients: onlineClients(), isLive, isDenied });
  sensors.render();
  showSensorPage(isLive && !document.hidden);
  sensorPage.render();
  clients.render();
  topics.render();
  if (about.version === '') return;
  const time = longSpan(gateway.now() - about.started);
  const wrong = alarms.count + (troubles?.length ?? 0);
  // The title has the number of troubles and alarms, so that a tab in the background shows it.
  document.title = `${wrong > 0 ? `(${wrong}) ` : ''}${about.cell} – cellgate`;
  frame.show({
    cell: about.cell,
    about: translate('version', { version: about.version, time }),
    alarms: alarms.count,
    troubles: troubles?.length ?? 0,
  });
}

setInterval(render, RENDER_MS);
setInterval(() => {
  if (state !== 'live') return;
  log.poll();
  void limited.poll();
  clients.poll();
  topics.poll();
  users.poll();
  config.poll();
  sensorPage.poll();
}, POLL_MS);
setInterval(() => {
  if (state !== 'live' || document.hidden) return;
  sensors.advance();
  uplinks.advance();
}, POINT_MS);

gateway.subscribe([`${SYS}#`, CONNECTED]);
gateway.connect();
