import { describe, expect, test } from 'vitest';
import { payloadPreview, payloadText, visible } from '../../../src/page/topics/payload-text.ts';
import { topicMistake, topicSearch } from '../../../src/page/topics/topic-filter.ts';
import { topicTree, visibleRows } from '../../../src/page/topics/topic-rows.ts';
import { isCut, TopicStore } from '../../../src/page/topics/topic-store.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const message = (topic: string, text: string, over: object = {}) => ({
  ...{ topic, payload: bytesOf(text), qos: 0, retain: false },
  ...over,
});

describe('a payload', () => {
  const full = (text: string, isCut = false) => payloadText(bytesOf(text), isCut);

  test.each([
    ['', 'empty', ''],
    ['23.5', 'text', '23.5'],
    ['on', 'text', 'on'],
    ['<b>bold</b>\n\tü 温度', 'text', '<b>bold</b>\n\tü 温度'],
    [
      '{"a":[1,{"b":"x,{y}:"}],"c":{},"d":[]}',
      'json',
      '{\n  "a": [\n    1,\n    {\n      "b": "x,{y}:"\n    }\n  ],\n  "c": {},\n  "d": []\n}',
    ],
    ['{"a":', 'text', '{"a":'],
    ['{"quote":"\\"\\\\"}', 'json', '{\n  "quote": "\\"\\\\"\n}'],
  ])('%j is %s', (text, kind, shown) => {
    expect(full(text)).toEqual({ kind, text: shown });
  });

  test('keeps the numbers of JSON as they were sent', () => {
    expect(full('[12345678901234567890, 1.0, 1e400]').text).toBe(
      '[\n  12345678901234567890,\n  1.0,\n  1e400\n]',
    );
  });

  test('with very many levels of JSON is as it was sent, within bounds', () => {
    const deep = '['.repeat(8000) + ']'.repeat(8000);
    expect(full(deep).text).toBe(deep);
  });

  test('that is no text is in hex: invalid UTF-8, a NUL, a control character', () => {
    const hex = (bytes: number[]) => payloadText(Uint8Array.from(bytes), false);
    expect(hex([0xff, 0x00, 0x10])).toEqual({ kind: 'binary', text: 'ff 00 10' });
    expect(hex([0x61, 0x00]).kind).toBe('binary');
    expect(hex([0x1b, 0x5b]).kind).toBe('binary');
    const long = hex(Array.from({ length: 5000 }, () => 255)).text.split('\n');
    expect([long.length, long[0]]).toEqual([32, Array(16).fill('ff').join(' ')]);
  });

  test('that is cut within a character is text, and no JSON', () => {
    const cut = bytesOf('{"t":"温度"}').subarray(0, 10);
    expect(payloadText(cut, true)).toEqual({ kind: 'text', text: '{"t":"温' });
    expect(payloadText(cut, false).kind).toBe('binary');
  });

  test('is on one short line', () => {
    expect(payloadPreview(bytesOf('a\n  b\tc'), false)).toBe('a b c');
    expect(payloadPreview(bytesOf('x'.repeat(500)), false)).toBe(`${'x'.repeat(120)}…`);
    expect(payloadPreview(bytesOf(`${'x'.repeat(119)}😀y`), false)).toBe(`${'x'.repeat(119)}…`);
    expect(payloadPreview(Uint8Array.from([0, 1]), false)).toBe('00 01');
    expect(payloadPreview(new Uint8Array(20), false)).toMatch(/^(00 ){12}…$/);
  });

  test('can not look like another by characters that change the order', () => {
    expect(visible('a\u202eb\u0007\u2028')).toBe('a\\u202eb\\u0007\\u2028');
    expect(visible('cell/温度 ü')).toBe('cell/温度 ü');
  });
});

describe('the search of topics', () => {
  test.each([
    ['', ['cell/a/set', 'cell/b', '$SYS/x', 'a+b']],
    ['CELL set', ['cell/a/set']],
    ['cell/+/set', ['cell/a/set']],
    ['cell/#', ['cell/a/set', 'cell/b']],
    ['#', ['cell/a/set', 'cell/b', 'a+b']],
    ['$SYS/#', ['$SYS/x']],
    ['a+', ['a+b']],
    ['nothing', []],
  ])('"%s"', (text, found) => {
    const finds = topicSearch(text);
    expect(['cell/a/set', 'cell/b', '$SYS/x', 'a+b'].filter(finds)).toEqual(found);
  });

  test.each([
    ['cell/a', undefined],
    ['', 'topicEmpty'],
    ['a/+', 'topicWildcard'],
    ['a/#', 'topicWildcard'],
    ['a\u0000', 'topicCharacter'],
    ['a\u0085', 'topicCharacter'],
    ['\ud800', 'topicCharacter'],
    ['温'.repeat(21_846), 'topicCharacter'],
  ])('to publish on %j: %s', (topic, mistake) => {
    expect(topicMistake(topic)).toBe(mistake);
  });
});

describe('the topics that are kept', () => {
  test('have their newest message, and whether one is retained', () => {
    const store = new TopicStore();
    store.receive(message('a', 'old', { retain: true, qos: 1 }), 100);
    expect(store.entries.get('a')).toMatchObject({ isRetained: true, isStored: true, qos: 1 });
    store.receive(message('a', 'newer', { qos: 2 }), 200);
    expect(store.entries.get('a')).toMatchObject({
      ...{ isRetained: true, isStored: false, qos: 2, time: 200, count: 2, size: 5 },
    });
    store.receive(message('b', ''), 300);
    expect(store.entries.get('b')).toMatchObject({ size: 0, isRetained: false });
    const before = store.topicChanges;
    store.receive(message('a', '', { retain: true }), 400);
    expect([...store.entries.keys()]).toEqual(['b']);
    expect(store.topicChanges).toBe(before + 1);
    store.receive(message('b', '', { retain: true }), 500);
    expect(store.bytes).toBe(0);
  });

  test('are bounded: what has no room is counted, and found again by a search', () => {
    const limits = { topics: 10, bytes: 1000, payload: 100 };
    const store = new TopicStore(limits);
    for (let n = 0; n < 50; n++) store.receive(message(`t${n}`, 'x'), n);
    expect([store.entries.size, store.leftOut]).toEqual([10, 40]);
    store.clear((topic) => topic === 't49');
    for (let n = 0; n < 50; n++) store.receive(message(`t${n}`, 'x'), n);
    expect([[...store.entries.keys()], store.leftOut]).toEqual([['t49'], 0]);
  });

  test('have at most so many bytes, however they are sent', () => {
    const store = new TopicStore({ topics: 1000, bytes: 1000, payload: 100 });
    for (let n = 0; n < 500; n++) {
      store.receive(message(`t${n % 50}/${'l'.repeat(n % 7)}`, 'y'.repeat((n * 37) % 300)), n);
      expect(store.bytes).toBeLessThanOrEqual(1000);
    }
    let sum = 0;
    for (const { topic, payload } of store.entries.values())
      sum += payload.length + 2 * topic.length;
    expect(store.bytes).toBe(sum);
    expect(store.leftOut).toBeGreaterThan(0);
    expect([...store.entries.values()].some(isCut)).toBe(true);
  });

  test('keep a copy of the payload, not the memory in which it has arrived', () => {
    const chunk = Buffer.from('0123456789');
    const store = new TopicStore();
    store.receive({ ...message('a', ''), payload: chunk.subarray(2, 4) }, 0);
    chunk.fill(0);
    expect(Buffer.from(store.entries.get('a')!.payload).toString()).toBe('23');
    expect(store.entries.get('a')!.payload.buffer.byteLength).toBe(2);
  });
});

describe('the tree', () => {
  const treeOf = (...topics: string[]) => {
    const store = new TopicStore();
    for (const topic of topics) store.receive(message(topic, 'x'), 0);
    return topicTree(store.entries.values());
  };
  const shown = (root: ReturnType<typeof treeOf>, isOpen = (_path: string) => true, limit = 100) =>
    visibleRows(root, isOpen, limit).rows.map(
      ({ node, level }) => `${'-'.repeat(level)}${node.name} ${node.topics}`,
    );

  test('has a line for each level, in order; a closed one hides what is below it', () => {
    const root = treeOf('cell/b', 'cell/a/x', 'cell/a', 'other');
    expect(shown(root)).toEqual(['-cell 3', '--a 2', '---x 1', '--b 1', '-other 1']);
    expect(shown(root, (path) => path !== 'cell/a')).toEqual([
      ...['-cell 3', '--a 2', '--b 1', '-other 1'],
    ]);
    const { rows } = visibleRows(root, () => true, 100);
    expect(rows.map(({ place, places }) => `${place}/${places}`)).toEqual([
      ...['1/2', '1/2', '1/1', '2/2', '2/2'],
    ]);
  });

  test('has empty levels, and a topic that begins like another', () => {
    expect(shown(treeOf('/a', 'a', 'a/', 'a//b'))).toEqual([
      ...['- 1', '--a 1', '-a 3', '-- 2', '---b 1'],
    ]);
  });

  test('has at most so many lines, and counts the others', () => {
    const root = treeOf(...Array.from({ length: 100 }, (_, n) => `t${n}`));
    const { rows, more } = visibleRows(root, () => true, 30);
    expect([rows.length, more]).toEqual([30, 70]);
  });

  test('of a topic with thousands of levels has twenty', () => {
    const topic = Array.from({ length: 30_000 }, (_, n) => n % 10).join('/');
    const { rows } = visibleRows(treeOf(topic, 'a'), () => true, 100);
    expect(rows).toHaveLength(21);
    expect(rows[19]!.node.path).toBe(topic);
    expect(rows[19]!.node.entry?.topic).toBe(topic);
  });
});
