import type { NamedAlarmStatus } from '../alarms/alarms.ts';
import { element, setAttribute, setText } from './dom.ts';
import { reasonText } from './reasons.ts';
import { moment, momentInFull, number, translate } from './translations.ts';

/** One alarm of a list, with its button. */
export interface AlarmRow {
  readonly node: HTMLLIElement;
  readonly time: HTMLElement;
  readonly severity: HTMLElement;
  readonly text: HTMLElement;
  readonly value: HTMLElement;
  readonly state: HTMLElement;
  readonly reason: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly result: HTMLElement;
}

/** What this page knows of an alarm beside its status. */
export interface AlarmAction {
  /** Whether this user may acknowledge it; undefined while that is not known. */
  allowed: boolean | undefined;
  /** The id of a command that has no answer yet. */
  pending: string | undefined;
  /** What came of the last command. */
  result: string;
}

/** Whether an operator must see it: it is active, or waits for an acknowledgement. */
export function isRaised({ state }: NamedAlarmStatus): boolean {
  return state !== 'normal';
}

export function createAlarmRow({ sensor, name, topic }: NamedAlarmStatus): AlarmRow {
  const id = `${sensor}/${name}`;
  const parts = {
    time: element('time', { class: 'when' }),
    severity: element('span', { class: 'severity' }),
    text: element('span', { class: 'what', lang: 'en' }),
    value: element('span', { class: 'value' }),
    state: element('span', { class: 'pill' }),
    reason: element('p', { class: 'reason' }),
    button: element('button', { type: 'button' }, translate('acknowledge')),
    result: element('p', { class: 'result', role: 'status' }),
  };
  setAttribute(parts.button, 'aria-label', `${translate('acknowledge')} ${id}`);
  const what = element(
    'div',
    { class: 'names' },
    element('h3', {}, parts.text),
    element('p', { class: 'address', lang: 'en' }, id),
    parts.reason,
  );
  const node = element(
    'li',
    { class: 'alarm', 'data-alarm': topic },
    element('p', { class: 'begin' }, parts.severity, parts.time),
    what,
    parts.value,
    parts.state,
    parts.button,
    parts.result,
  );
  return { ...parts, node };
}

/** Shows the alarm; `now` is the time of the gateway. */
export function showAlarm(
  row: AlarmRow,
  alarm: NamedAlarmStatus,
  action: AlarmAction,
  now: number,
): void {
  const { state, acknowledged, severity, text, value, since, shelvedUntil } = alarm;
  setAttribute(row.node, 'data-state', state);
  setAttribute(row.node, 'data-severity', severity);
  setAttribute(row.node, 'data-acknowledged', String(acknowledged));
  setText(row.severity, translate(severity));
  setText(row.text, text);
  setText(row.value, isRaised(alarm) ? valueText(value) : '');
  setText(row.state, stateText(alarm));
  const at = since === undefined || !isRaised(alarm) ? undefined : Date.parse(since);
  setText(row.time, at === undefined ? '' : moment(at, now));
  setAttribute(row.time, 'title', at === undefined ? undefined : momentInFull(at));
  setText(row.reason, whyText(alarm));
  setAttribute(row.button, 'hidden', !isRaised(alarm) || acknowledged);
  setAttribute(row.button, 'aria-disabled', action.allowed !== true || undefined);
  setText(row.result, action.result);
  setAttribute(row.node, 'data-shelved', shelvedUntil !== undefined);
}

function stateText({
  state,
  acknowledged,
  acknowledgedBy,
  shelvedUntil,
}: NamedAlarmStatus): string {
  if (shelvedUntil !== undefined) {
    return translate('shelvedUntil', { time: moment(Date.parse(shelvedUntil), Date.now()) });
  }
  if (state === 'normal') return translate('normal');
  if (!acknowledged) return translate(state === 'active' ? 'active' : 'cleared');
  return acknowledgedBy === undefined
    ? translate('acknowledged')
    : translate('acknowledgedBy', { name: acknowledgedBy });
}

function whyText({ latched, reason }: NamedAlarmStatus): string {
  if (reason !== undefined) return translate('valueLost', { reason: reasonText(reason) });
  return latched ? translate('latched') : '';
}

function valueText(value: NamedAlarmStatus['value']): string {
  if (value === null) return '—';
  if (typeof value === 'boolean') return translate(value ? 'yes' : 'no');
  return typeof value === 'number' ? number(value) : value;
}
