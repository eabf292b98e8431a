import { powerTopics, readingTopic, statusTopic } from '../../driver-kit/cell-topics.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import { linesOf, type Parts, publishedChannels } from './parts.ts';
import { pinChecks } from './pin-checks.ts';

/** Conflicts between outputs, and between outputs and sensors: topics, GPIO lines and pins. */
export function outputChecks(parts: Parts): readonly Finding[] {
  return [...sameTopics(parts), ...sameLines(parts), ...pinChecks(parts)];
}

function* sameTopics({
  cell,
  sensors,
  outputs,
  powerFail,
  drivers,
  lineOf,
}: Parts): Iterable<Finding> {
  const seen = new Map<string, string>([[statusTopic(cell), 'the one that says online']]);
  if (powerFail) {
    for (const topic of Object.values(powerTopics(cell))) seen.set(topic, 'that of powerFail');
  }
  for (const { index, element } of sensors) {
    const owner = `that of the sensor in line ${lineOf(['sensors', index, 'name'])}`;
    for (const { name } of publishedChannels(element, drivers)) {
      seen.set(readingTopic(cell, element.name, name), owner);
    }
  }
  for (const { index, element } of outputs) {
    const path = ['outputs', index, 'name'];
    const topics = ['', 'set', 'result'].map((name) => readingTopic(cell, element.name, name));
    const clash = topics.find((topic) => seen.has(topic));
    if (clash !== undefined) {
      const message = `its topic ${clash} is ${seen.get(clash)} already, expected another name`;
      yield { path, at: 'value', message };
    }
    for (const topic of topics) seen.set(topic, `that of the output in line ${lineOf(path)}`);
  }
}

/** One GPIO line may be the interlock of several outputs; otherwise a line has one owner. */
function* sameLines({ sensors, outputs, powerFail, lineOf }: Parts): Iterable<Finding> {
  const seen = new Map<string, string>();
  const interlocks = new Map<string, boolean>();
  for (const { index, element } of sensors) {
    for (const [path, line] of linesOf(['sensors', index], element)) {
      seen.set(line, `the sensor in line ${lineOf(path)}`);
    }
  }
  const taken = (path: Path, line: string): Finding => {
    const message = `${line} is taken by ${seen.get(line)} already, expected another line`;
    return { path, at: 'value', message };
  };
  for (const { index, element } of outputs) {
    const path = ['outputs', index, 'line'];
    if (seen.has(element.line)) yield taken(path, element.line);
    seen.set(element.line, `the output in line ${lineOf(path)}`);
  }
  if (powerFail) {
    const path = ['powerFail', 'line'];
    if (seen.has(powerFail.line)) yield taken(path, powerFail.line);
    seen.set(powerFail.line, `powerFail in line ${lineOf(path)}`);
  }
  for (const { index, element } of outputs) {
    if (element.interlock === undefined) continue;
    const { line, activeLow } = element.interlock;
    const path = ['outputs', index, 'interlock', 'line'];
    if (seen.has(line)) yield taken(path, line);
    if ((interlocks.get(line) ?? activeLow) !== activeLow) {
      const message = `${line} is activeLow in one interlock and not in another, expected the same`;
      yield { path, at: 'value', message };
    }
    interlocks.set(line, activeLow);
  }
}
