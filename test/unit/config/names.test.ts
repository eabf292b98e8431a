import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { drivers } from '../../../src/driver-table.ts';
import { REPOSITORY } from '../../support/gateway.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-names-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const NAMES = 'names: { enterprise: acme, site: ulm, area: body-shop, line: line4 }\n';

async function load(text: string) {
  writeFileSync(path.join(folder, 'config.yaml'), text);
  return loadConfig('config.yaml', drivers, folder);
}

/** What is wrong with `to` of a route. */
async function saidOf(to: string, names = NAMES): Promise<readonly string[]> {
  const uplink = `{ name: plant, url: mqtt://plant.example, routes: [{ out: 'a/#', to: ${to} }] }`;
  const { problems } = await load(`cell: robotcell1\n${names}uplinks:\n  - ${uplink}\n`);
  return problems.map((one) => `${one.path}: ${one.message}`);
}

describe('names of the plant', () => {
  it('are filled in wherever the config has a topic, or a name at the plant', async () => {
    const { config, problems } = await load(`
cell: robotcell1
${NAMES}
sensors:
  - { name: a, driver: host, mirror: { topic: '{site}/a' } }
outputs:
  - { name: b, driver: digital-output, line: X, controller: { topic: '{site}/plc', within: 5s } }
uplinks:
  - name: plant
    url: mqtt://plant.example
    clientId: '{site}-{cell}'
    status: '{enterprise}/{site}/{cell}/status'
    routes:
      - { out: '{cell}/a/#', to: '{enterprise}/{site}/{area}/{line}/' }
      - { in: '{site}/{cell}/b/set', strip: '{site}/', to: '' }
  - name: scada
    url: mqtt://scada.example
    sparkplug: { group: '{enterprise}:{site}:{area}', node: '{line}-{cell}', primaryHost: '{site}-scada' }
homeAssistant: { prefix: '{site}/homeassistant' }
`);
    expect(problems).toEqual([]);
    expect(config?.uplinks).toMatchObject([
      {
        clientId: 'ulm-robotcell1',
        status: 'acme/ulm/robotcell1/status',
        out: [{ out: 'robotcell1/a/#', to: 'acme/ulm/body-shop/line4/' }],
        in: [{ in: 'ulm/robotcell1/b/set', strip: 'ulm/', to: '' }],
      },
      {
        sparkplug: {
          group: 'acme:ulm:body-shop',
          node: 'line4-robotcell1',
          primaryHost: 'ulm-scada',
        },
      },
    ]);
    expect(config?.homeAssistant?.prefix).toBe('ulm/homeassistant');
    expect(config?.sensors[0]?.mirror?.topic).toBe('ulm/a');
    expect(config?.outputs[0]?.controller?.topic).toBe('ulm/plc');
  });

  it.each([
    ["'{area}/'", 'names: { site: ulm }\n', /^\S+\.to: \{area\} is not given, expected .*names: /],
    ["'{area}/'", '', /^\S+\.to: \{area\} is not given, expected .*names: \{ area: body-shop \}$/],
    ["'{sit}/'", NAMES, /^\S+\.to: \{sit\} is no name .*did you mean \{site\}\?/],
    ["'{}/'", NAMES, /^\S+\.to: \{\} is no name of the plant, expected \{enterprise\}/],
    ["'{Site}/'", NAMES, /^\S+\.to: found \{Site\}, expected \{site\}$/],
    ["'{ site }/'", NAMES, /expected \{site\}$/],
    ["'{{site}}/'", NAMES, /expected \{site\}$/],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the form of other programs
    ["'${site}/'", NAMES, /expected \{site\}$/],
    ["'{site/'", NAMES, /^\S+\.to: found a \{ that is no part of a name in braces, expected /],
    ["'a}/'", '', /^\S+\.to: found a \} that is no part of a name in braces, expected /],
    ['{site}', NAMES, /^\S+\.to: found \{site\} without quotes.* expected '\{site\}'$/],
  ])('%s with "%s" is one mistake, with what to write', async (to, names, said) => {
    const problems = await saidOf(to, names);
    expect(problems).toEqual([expect.stringMatching(said)]);
  });

  it('are checked as they are filled in: form, length and loops', async () => {
    expect(await saidOf("'{site}'")).toEqual([
      expect.stringMatching(/found "\{site\}", expected w/),
    ]);
    const { problems } = await load(`
cell: robotcell1
${NAMES}
uplinks:
  - name: plant
    url: mqtt://plant.example
    routes:
      - { out: 'robotcell1/#', to: '{site}/' }
      - { in: 'ulm/robotcell1/#', strip: 'ulm/', to: 'x/' }
`);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('sends to ulm/robotcell1/#'),
    ]);
  });

  it('that are wrong are reported where they are given, and nowhere else', async () => {
    expect(await saidOf("'{site}/'", 'names: { site: ulm+2 }\n')).toEqual([
      expect.stringMatching(/^names\.site: found "ulm\+2", expected one level of a topic/),
    ]);
    expect(await saidOf("'{site}/'", "names: { site: '{cell}' }\n")).toEqual([
      expect.stringMatching(/^names\.site: found "\{cell\}", expected one level of a topic/),
    ]);
    expect(await saidOf("'{line}/'", 'names: { line: 4 }\n')).toEqual([
      expect.stringMatching(/^names\.line: found 4, expected .*\(did you mean "4"\?\)/),
    ]);
  });

  it('are not filled in where a key has no topic, and a value with $ is no pattern', async () => {
    const { config } = await load(`
cell: robotcell1
names: { site: 'a$&b' }
sensors:
  - { name: '{site}', driver: host, label: '{area}' }
uplinks:
  - { name: plant, url: mqtt://plant.example, routes: [{ out: 'a/#', to: '{site}/' }] }
`);
    expect(config?.sensors[0]).toMatchObject({ name: '{site}', label: '{area}' });
    expect(config?.uplinks[0]?.out[0]?.to).toBe('a$&b/');
  });

  it('of the example make the topics of docs/plant-names.md', async () => {
    const file = path.join(REPOSITORY, 'config/examples/plant-names.yaml');
    const { config, problems, warnings } = await loadConfig(file, drivers, folder);
    expect([problems, warnings]).toEqual([[], []]);
    const page = readFileSync(path.join(REPOSITORY, 'docs/plant-names.md'), 'utf8');
    const [plant] = config?.uplinks ?? [];
    const topic = `${plant?.out[0]?.to}${config?.cell}/cabinet/temperature`;
    expect(page).toContain(`The plant gets \`${topic}\``);
    expect(plant?.status).toBe('acme/ulm/body-shop/line4/robotcell1/status');
  });
});
