import { defineDriver, duration, z } from '../src/driver-kit/driver.ts';

export default defineDriver({
  name: 'digital-input',
  summary: 'A GPIO line as true or false, published at once when it changes',
  bus: 'gpio-input',
  options: z.strictObject({
    activeLow: z
      .boolean()
      .default(false)
      .describe('Whether the electrically low level counts as true.'),
    debounce: duration('0ms', '10s')
      .prefault('0ms')
      .describe('How long a level must last to count as a change.'),
    bias: z
      .enum(['pull-up', 'pull-down', 'disabled'])
      .optional()
      .describe("The line's resistor; without it the line stays as it is."),
  }),
  channels: () => [{ name: '', unit: '', kind: 'boolean' }],
  async open(line, { activeLow, debounce, bias }) {
    const input = await line.input({
      activeLow,
      debounceMs: debounce,
      ...(bias === undefined ? {} : { bias }),
    });
    return {
      read: async () => ({ '': { value: await input.read() } }),
      async *changes(signal) {
        for await (const edge of input.edges(signal)) yield { '': { value: edge.rising } };
      },
      close: () => input.close(),
    };
  },
});
