import {
  alarmTopic,
  mirrorTopic,
  powerTopics,
  readingTopic,
  statusTopic,
} from '../../driver-kit/cell-topics.ts';
import type { Finding } from '../yaml/problem.ts';
import { type Parts, publishedChannels } from './parts.ts';

/** Second copies of readings on the topic of something else; one that an output or an alarm would take for a command. */
export function* mirrorChecks(parts: Parts): Iterable<Finding> {
  const { sensors, drivers, lineOf } = parts;
  if (!sensors.some(({ element }) => element.mirror)) return;
  const owners = new Map(ownersOf(parts));
  for (const { index, element } of sensors) {
    const { mirror } = element;
    if (!mirror) continue;
    const path = ['sensors', index, 'mirror', 'topic'];
    for (const { name } of publishedChannels(element, drivers)) {
      const topic = mirrorTopic(mirror, name);
      const owner = owners.get(topic);
      if (owner !== undefined) {
        const message = `${topic} is ${owner} already, expected another topic`;
        yield { path, at: 'value', message };
        break;
      }
      owners.set(topic, `the mirror in line ${lineOf(path)}`);
    }
  }
}

function* ownersOf(parts: Parts): Iterable<readonly [topic: string, owner: string]> {
  const { cell, sensors, outputs, powerFail, drivers, lineOf } = parts;
  yield [statusTopic(cell), 'the one on which the gateway says that it is online'];
  if (powerFail) {
    for (const topic of Object.values(powerTopics(cell))) yield [topic, 'that of powerFail'];
  }
  for (const { index, element } of sensors) {
    const owner = `one of the sensor in line ${lineOf(['sensors', index, 'name'])}`;
    const readings = publishedChannels(element, drivers).map(({ name }) =>
      readingTopic(cell, element.name, name),
    );
    const alarms = (element.alarms ?? []).map(({ name }) => alarmTopic(cell, element.name, name));
    for (const topic of [...readings, ...alarms].flatMap(withCommands)) yield [topic, owner];
  }
  for (const { index, element } of outputs) {
    const owner = `one of the output in line ${lineOf(['outputs', index, 'name'])}`;
    for (const topic of withCommands(readingTopic(cell, element.name, ''))) yield [topic, owner];
    if (element.controller) yield [element.controller.topic, `the controller of ${owner}`];
  }
}

function withCommands(topic: string): string[] {
  return [topic, `${topic}/set`, `${topic}/result`];
}
