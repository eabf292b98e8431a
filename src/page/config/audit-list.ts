import type { AuditedChange, AuditLine } from '../../audit/audit-line.ts';
import { element, setText } from '../dom.ts';
import { moment, momentInFull } from '../translations.ts';
import type { AuditLines } from './config-requests.ts';
import type { ConfigTexts } from './config-texts.ts';
import type { ConfigTextKey } from './texts-en.ts';

const WHAT: Readonly<Record<AuditedChange, ConfigTextKey>> = {
  'config-applied': 'configApplied',
  'config-kept': 'configKept',
  'config-taken-back': 'configTakenBack',
  'config-at-start': 'configAtStart',
  'client-disconnected': 'clientDisconnected',
  'retained-cleared': 'retainedCleared',
  'user-added': 'userAdded',
  'user-removed': 'userRemoved',
  'password-changed': 'passwordChanged',
  'rights-changed': 'rightsChanged',
  'audit-damaged': 'auditDamaged',
};
const OWN_NAMES: Readonly<Record<string, ConfigTextKey>> = {
  'local administrator': 'localAdministrator',
  gateway: 'gateway',
};

/** A list of the newest changes: who, when, before and after. */
export function createAuditList(texts: ConfigTexts, now: () => number) {
  const damage = element('p', { class: 'reason', role: 'status' });
  const list = element('ol', { class: 'card audit' });
  const empty = element('p', { class: 'age' }, texts('noAudit'));
  let shown = '';
  return {
    node: element('div', {}, damage, list, empty),
    show({ lines, findings }: AuditLines): void {
      const newest = `${lines[0]?.hash} ${lines.length} ${findings.length}`;
      if (newest === shown) return;
      shown = newest;
      const found = findings.slice(0, 5).join('; ');
      setText(damage, findings.length > 0 ? `${texts('damaged')} ${found}` : '');
      list.replaceChildren(...lines.map((line) => itemOf(line, texts, now())));
      list.hidden = lines.length === 0;
      empty.hidden = lines.length > 0;
    },
  };
}

function itemOf(line: AuditLine, texts: ConfigTexts, now: number): Element {
  const { time, what, by, address, subject, before = [], after = [], reason } = line;
  const at = Date.parse(time);
  const when = element('time', { datetime: time, title: momentInFull(at) }, moment(at, now));
  const key = OWN_NAMES[by];
  const who = `${key ? texts(key) : by}${address === undefined ? '' : ` (${address})`}`;
  // A gateway of another version may know other changes.
  const name = Object.hasOwn(WHAT, what) ? texts(WHAT[what]) : what;
  const head = element('p', {}, when, ' ', element('b', {}, name), ' ', element('span', {}, who));
  const item = element('li', { 'data-what': what }, head);
  if (subject !== undefined) item.append(element('p', { class: 'subject', lang: 'en' }, subject));
  const changes = [...before.map((text) => `− ${text}`), ...after.map((text) => `+ ${text}`)];
  if (changes.length > 0) {
    const label = `${texts('before')} −, ${texts('after')} +`;
    const text = element('pre', { lang: 'en', tabindex: 0, role: 'group' }, changes.join('\n'));
    text.setAttribute('aria-label', label);
    item.append(text);
  }
  if (reason !== undefined) item.append(element('p', { class: 'age', lang: 'en' }, reason));
  return item;
}
