import { describe, expect, test } from 'vitest';
import { powerTopics, readingTopic, statusTopic } from '../../../src/driver-kit/cell-topics.ts';

describe('topics of a cell', () => {
  test('the channel with the empty name has the topic of its sensor', () => {
    expect(readingTopic('robotcell1', 'door/closed', '')).toBe('robotcell1/door/closed');
    expect(readingTopic('robotcell1', 'joints', 'j1')).toBe('robotcell1/joints/j1');
    expect(statusTopic('robotcell1')).toBe('robotcell1/status');
  });

  test('what is no topic name is refused', () => {
    expect(() => readingTopic('cell', '', '')).toThrow('topic "cell/" has an empty part');
    expect(() => readingTopic('cell', 'a+b', '')).toThrow('which only a filter may');
    expect(() => readingTopic('$SYS', 'a', '')).toThrow("the broker's own");
  });

  test('the power supply has a topic for its state and one for the time that securing took', () => {
    expect(powerTopics('robotcell1')).toEqual({
      supplied: 'robotcell1/power/supplied',
      secured: 'robotcell1/power/secured',
    });
  });
});
