import type { NamedAlarmStatus } from '../alarms/alarms.ts';
import { AlarmActions } from './alarm-actions.ts';
import { type AlarmRow, createAlarmRow, isRaised, showAlarm } from './alarm-row.ts';
import { createKeyed, element } from './dom.ts';
import type { Gateway } from './gateway.ts';

type Rows = ReturnType<typeof createKeyed<NamedAlarmStatus, AlarmRow>>;

/** The alarms in two lists: those that are raised, and all. Both have buttons to acknowledge. */
export function createAlarms(gateway: Gateway) {
  let alarms: readonly NamedAlarmStatus[] = [];
  const actions = new AlarmActions(gateway, () => draw());
  const create = (alarm: NamedAlarmStatus): AlarmRow => {
    const row = createAlarmRow(alarm);
    row.button.addEventListener('click', () => void actions.acknowledge(alarm.topic));
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
      showAlarm(row, alarm, actions.of(alarm.topic), now);
    const keyOf = ({ topic }: NamedAlarmStatus): string => topic;
    rows.raised.show(alarms.filter(isRaised), keyOf, update);
    rows.all.show(alarms, keyOf, update);
  };
  const raisedTopics = (): string[] => alarms.filter(isRaised).map(({ topic }) => topic);

  return {
    ...nodes,
    get list(): readonly NamedAlarmStatus[] {
      return alarms;
    },
    /** Raised and not shelved. */
    get count(): number {
      return alarms.filter((one) => isRaised(one) && one.shelvedUntil === undefined).length;
    },
    show(next: readonly NamedAlarmStatus[]): void {
      alarms = next.toSorted(byUrgency);
      gateway.subscribe(raisedTopics().map((topic) => `${topic}/result`));
      draw();
      void actions.readRights(raisedTopics());
    },
    /** Takes the result of a command; false for any other topic. */
    receive(topic: string, payload: string): boolean {
      const alarm = alarms.find((one) => `${one.topic}/result` === topic);
      if (alarm) actions.receive(alarm.topic, payload);
      return alarm !== undefined;
    },
    /** Reads the rights again: another user may have others. */
    reloadRights(): void {
      actions.forgetRights();
      void actions.readRights(raisedTopics());
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
