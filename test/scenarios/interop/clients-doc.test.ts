import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { REPOSITORY, startTarget, type TestGateway } from '../../support/gateway.ts';
import { type Finished, run } from '../../support/run.ts';
import { needs, type Tool, tools } from '../../support/tools.ts';

const page = readFileSync(join(REPOSITORY, 'docs/clients.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map((match) => ({
  language: match[1] ?? '',
  text: match[2] ?? '',
}));
/** Each snippet with the output that the block after it states. */
const snippets = blocks
  .map((block, index) => ({ ...block, number: index / 2 + 1, output: blocks[index + 1] }))
  .filter((_, index) => index % 2 === 0);

const runners: Record<
  string,
  { needs: Tool[]; run(text: string, env: NodeJS.ProcessEnv): Promise<Finished> }
> = {
  python: {
    needs: [tools.paho],
    run: (text, env) => run(tools.paho.path ?? '', ['-'], { input: text, env }),
  },
  /** With Paho 2. */
  py: {
    needs: [tools.paho2],
    run: (text, env) => run(tools.paho2.path ?? '', ['-'], { input: text, env }),
  },
  js: {
    needs: [],
    run: (text, env) =>
      run(process.execPath, ['--input-type=module', '-'], { input: text, env, cwd: REPOSITORY }),
  },
  sh: {
    needs: [tools.mosquittoPub, tools.mosquittoSub],
    run: (text, env) => run('sh', ['-e'], { input: text, env }),
  },
};

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTarget();
});
afterAll(async () => {
  await gateway?.dispose();
});

test('docs/clients.md has snippets, each followed by its output', () => {
  expect(snippets.length).toBeGreaterThanOrEqual(5);
  for (const { language, output } of snippets) {
    expect(Object.keys(runners)).toContain(language);
    expect(output?.language).toBe('output');
  }
});

describe.each(snippets)(
  'docs/clients.md, snippet $number ($language)',
  ({ language, text, output }) => {
    const runner = runners[language];
    beforeEach(needs(...(runner?.needs ?? [])));

    test('prints what the page says', async () => {
      const env = { MQTT_PORT: `${gateway.port}`, MQTT_WS_PORT: `${gateway.wsPort}` };
      const finished = await runner?.run(text, env);
      expect(finished).toEqual({ code: 0, stdout: output?.text, stderr: '' });
    });
  },
);
