import type { NamedAlarmStatus } from '../alarms/alarms.ts';
import {
  type AlarmAction,
  type AlarmRow,
  createAlarmRow,
  isRaised,
  showAlarm,
} from './alarm-row.ts';
import { parseResult } from './command-result.ts';
import { createKeyed, element } from './dom.ts';
import { type Gateway, randomId } from './gateway.ts';
import { translate } from './translations.ts';

const ANSWER_TIMEOUT_MS = 5000;
/** An answer disappears after this time. */
const RESULT_MS = 8000;

type Rows = ReturnType<typeof createKeyed<NamedAlarmStatus, AlarmRow>>;

/** The alarms in two lists: those that are raised, and all. Both have buttons to acknowledge. */
export function createAlarms(gateway: Gateway) {
  let alarms: readonly NamedAlarmStatus[] = [];
  const actions = new Map<string, AlarmAction>();

  const actionOf = (topic: string): AlarmAction => {
    let action = actions.get(topic);
    if (!action) {
      action = { allowed: undefined, pending: undefined, result: '' };
      actions.set(topic, action);
    }
    return action;
  };
  const create = (alarm: NamedAlarmStatus): AlarmRow => {
    const row = createAlarmRow(alarm);
    row.button.addEventListener('click', () => void acknowledge(alarm.topic));
    return row;
  };
  const nodes = {
    raised: element('ul', { class: 'rows alarms' }),
    all: element('ul', { class: 'rows alarms' }),
  };
  const rows: Readonly<Record<keyof typeof nodes, Rows>> = {
    raised: createKeyed(nodes.raised, create),
    all: createKeyed(nodes.all, create),
  };

  const draw = (): void => {
    const now = gateway.now();
    const update = (row: AlarmRow, alarm: NamedAlarmStatus): void =>
      showAlarm(row, alarm, actionOf(alarm.topic), now);
    const keyOf = ({ topic }: NamedAlarmStatus): string => topic;
    rows.raised.show(alarms.filter(isRaised), keyOf, update);
    rows.all.show(alarms, keyOf, update);
  };

  const finish = (topic: string, id: string, result: string): void => {
    const action = actionOf(topic);
    if (action.pending !== id) return;
    action.pending = undefined;
    say(action, result);
  };
  const say = (action: AlarmAction, result: string): void => {
    action.result = result;
    draw();
    setTimeout(() => {
      if (action.result !== result) return;
      action.result = '';
      draw();
    }, RESULT_MS);
  };

  const acknowledge = async (topic: string): Promise<void> => {
    const action = actionOf(topic);
    if (action.allowed !== true) return say(action, translate('mayNotAcknowledge'));
    const id = `page-${randomId()}`;
    action.pending = id;
    action.result = translate('sent');
    draw();
    const by = gateway.user === undefined ? {} : { by: gateway.user };
    setTimeout(() => finish(topic, id, translate('noAnswerYet')), ANSWER_TIMEOUT_MS);
    await gateway
      .publish(`${topic}/set`, { acknowledge: true, ...by, id })
      .catch(() => finish(topic, id, translate('noAnswerYet')));
  };

  const readRights = async (): Promise<void> => {
    const unknown = alarms
      .filter((alarm) => isRaised(alarm) && actionOf(alarm.topic).allowed === undefined)
      .map(({ topic }) => topic);
    if (unknown.length === 0) return;
    const rights = await gateway
      .rights(unknown.map((topic) => `${topic}/set`))
      .catch((): Record<string, boolean> => ({}));
    for (const topic of unknown) actionOf(topic).allowed = rights[`${topic}/set`] === true;
    draw();
  };

  return {
    ...nodes,
    /** Raised and not shelved. */
    get count(): number {
      return alarms.filter((one) => isRaised(one) && one.shelvedUntil === undefined).length;
    },
    get total(): number {
      return alarms.length;
    },
    show(next: readonly NamedAlarmStatus[]): void {
      alarms = next.toSorted(byUrgency);
      gateway.subscribe(alarms.filter(isRaised).map(({ topic }) => `${topic}/result`));
      draw();
      void readRights();
    },
    /** Takes the result of a command; false for any other topic. */
    receive(topic: string, payload: string): boolean {
      const alarm = alarms.find((one) => `${one.topic}/result` === topic);
      if (!alarm) return false;
      const { id, ok, reason = '' } = parseResult(payload);
      if (id !== undefined) {
        finish(alarm.topic, id, ok ? translate('done') : translate('refused', { reason }));
      }
      return true;
    },
    /** Reads the rights again: another user may have others. */
    reloadRights(): void {
      for (const action of actions.values()) action.allowed = undefined;
      void readRights();
    },
  };
}

const SEVERITIES = ['critical', 'high', 'medium', 'low'];

/** Raised before normal, unacknowledged first, of these the most severe, then the newest. */
function byUrgency(one: NamedAlarmStatus, other: NamedAlarmStatus): number {
  return (
    Number(isRaised(other)) - Number(isRaised(one)) ||
    Number(one.acknowledged) - Number(other.acknowledged) ||
    SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity) ||
    (other.since ?? '').localeCompare(one.since ?? '') ||
    one.topic.localeCompare(other.topic)
  );
}
