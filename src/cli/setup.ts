import { hostname, networkInterfaces } from 'node:os';
import path from 'node:path';
import { SHORTEST_PASSWORD } from '../access/users-file.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import { check } from './check.ts';
import { type ConfigOption, configFile, SERVICE_CONFIG } from './config-file.ts';
import { EXIT, type Io } from './io.ts';
import type { Questions } from './questions.ts';
import {
  type Answers,
  BROKER_PORT,
  configText,
  PAGE_PORT,
  type PlantAnswers,
  wrongAddress,
  wrongCell,
  wrongPlant,
} from './setup-config.ts';
import { isExampleConfig, isThere, isWritable, secretFile, written } from './setup-files.ts';
import { tls } from './tls.ts';
import { user } from './user.ts';

const WITHOUT_TERMINAL = `cellgate: setup asks questions, and standard input is no terminal. Without one, write
  1. config.yaml: /usr/share/cellgate/config.yaml is an example, cellgate check lists its mistakes
  2. the certificates: cellgate tls init --name ADDRESS
  3. the users, for "access: access.yaml" below "broker:": echo PASSWORD | cellgate user add NAME
`;
/** A certificate should last for the years in which the cabinet stays closed. */
const CERTIFICATE_DAYS = '3650';

/** The first user, with the password in plain text. */
interface FirstUser {
  readonly name: string;
  readonly password: string;
}

/**
 * Asks for the cell, the address, the first user, the page and the plant, then writes the config, the access file and the
 * certificates. Overwrites no file; the unchanged example of the package is renamed. 0 when done, 1 with a sentence when not.
 */
export async function setup(
  options: ConfigOption,
  io: Io,
  drivers: Drivers,
  questions: Questions,
): Promise<number> {
  const file = path.resolve(io.cwd, configFile(options, io.env));
  const folder = path.dirname(file);
  const fail = (sentence: string): number => {
    io.stderr.write(`cellgate: ${sentence}\n`);
    return EXIT.trouble;
  };
  if (!questions.isTerminal) {
    io.stderr.write(WITHOUT_TERMINAL);
    return EXIT.trouble;
  }
  if (!(await isThere(folder))) return fail(`there is no folder ${folder}: make it first`);
  if (!(await isWritable(folder))) {
    return fail(`this user can't write to ${folder}: run it as root, sudo cellgate setup`);
  }
  const isExample = await isExampleConfig(file);
  if ((await isThere(file)) && !isExample) {
    return fail(
      `${file} is there already, and setup overwrites nothing: change it, or write another one with "cellgate setup --config FILE"`,
    );
  }
  try {
    const hasUsers = await isThere(path.join(folder, 'access.yaml'));
    const asker = askerOf(questions, io);
    const answers = await ask(asker);
    const first = hasUsers ? undefined : await askForUser(asker, questions);
    const plantPassword =
      answers.plant?.username === undefined
        ? undefined
        : await askTwice(questions, 'Password at the plant', 1, asker);
    questions.close();
    const files = { [file]: configText(answers), ...secretFile(folder, plantPassword) };
    const undo = await written(files, folder, isExample ? file : undefined);
    try {
      const code =
        (await certificatesAndUser(file, answers, first, io)) ||
        (await check({ config: file }, io, drivers));
      if (code === EXIT.ok) {
        io.stdout.write(`wrote ${file}\n`);
        io.stdout.write(nextSteps(answers, first?.name ?? 'USER', file, options.config));
        return code;
      }
    } catch (error) {
      fail((error as Error).message);
    }
    await undo();
    return fail(`correct what is said above and run setup again; ${file} was not written`);
  } catch (error) {
    return fail((error as Error).message);
  } finally {
    questions.close();
  }
}

/** Makes what is not there yet; the certificates of an authority that is there stay. */
async function certificatesAndUser(
  config: string,
  { address }: Answers,
  first: FirstUser | undefined,
  io: Io,
): Promise<number> {
  const hasCertificates = await isThere(path.join(path.dirname(config), 'tls/gateway.crt'));
  const quiet: Io = { ...io, stdout: { write: () => true } };
  if (hasCertificates) {
    io.stdout.write('the certificates in tls stay; "cellgate tls server" renews them\n');
  } else {
    const days = { days: CERTIFICATE_DAYS };
    const names = { name: [...new Set([address, hostname(), 'localhost'])] };
    const code = await tls('init', undefined, { config, ...days, ...names }, quiet);
    if (code !== EXIT.ok) return code;
    io.stdout.write(`wrote the certificates in ${path.join(path.dirname(config), 'tls')}\n`);
  }
  if (first === undefined) {
    io.stdout.write('the users in access.yaml stay; "cellgate user add NAME" adds one\n');
    return EXIT.ok;
  }
  return user('add', first.name, { config }, io, { password: async () => first.password });
}

/** Asks again until an answer is not wrong. */
interface Asker {
  ask(
    question: string,
    usual: string,
    wrong: (answer: string) => string | undefined,
  ): Promise<string>;
  say(sentence: string): void;
}

function askerOf(questions: Questions, io: Io): Asker {
  const say = (sentence: string): void => void io.stderr.write(`${sentence}\n`);
  return {
    say,
    async ask(question, usual, wrong) {
      for (;;) {
        const answer = await questions.ask(question, usual);
        const reason = wrong(answer);
        if (reason === undefined) return answer;
        say(`  found "${answer}", expected ${reason}`);
      }
    },
  };
}

async function ask(asker: Asker): Promise<Answers> {
  const [name = ''] = hostname().split('.');
  const usual = wrongCell(name) === undefined && name !== 'localhost' ? name : 'robotcell1';
  const cell = await asker.ask('Name of the cell, the first level of its topics', usual, wrongCell);
  const [own = ''] = lanAddresses();
  const address = await asker.ask('Address of this machine on the network', own, wrongAddress);
  const page = await yesOrNo(asker, 'Page on the network, with TLS and login (yes or no)', 'yes');
  const plant = await askForPlant(asker, cell);
  return { cell, address, page, ...(plant ? { plant } : {}) };
}

async function askForPlant(asker: Asker, cell: string): Promise<PlantAnswers | undefined> {
  const url = await asker.ask(
    'Broker of the plant, such as mqtts://plant.example:8883; none without one',
    'none',
    (answer) => (answer === 'none' ? undefined : wrongPlant({ url: answer, prefix: '' })),
  );
  if (url === 'none') return undefined;
  const prefix = await asker.ask(
    'Topics at the plant begin with, such as plant/line4/; none without',
    'none',
    (answer) => (answer === 'none' ? undefined : wrongPlant({ url, prefix: answer })),
  );
  const name = await asker.ask('User name at the plant; none without', cell, () => undefined);
  const ca = /^(mqtts|wss):/i.test(url)
    ? await asker.ask(
        'File with the certificate of its authority; none for those of the system',
        'none',
        () => undefined,
      )
    : 'none';
  return {
    url,
    prefix: prefix === 'none' ? '' : prefix,
    ...(name === 'none' ? {} : { username: name }),
    ...(ca === 'none' ? {} : { ca }),
  };
}

async function askForUser(asker: Asker, questions: Questions): Promise<FirstUser> {
  const wrong = (name: string): string | undefined =>
    /^\P{Cc}{1,64}$/u.test(name) ? undefined : 'a name of 1 to 64 characters';
  const name = await asker.ask('First user, of the page and of clients', 'operator', wrong);
  const password = await askTwice(questions, `Password of ${name}`, SHORTEST_PASSWORD, asker);
  return { name, password };
}

/** A password that was typed the same twice. */
async function askTwice(
  questions: Questions,
  question: string,
  shortest: number,
  asker: Asker,
): Promise<string> {
  for (;;) {
    const password = await questions.askSecret(question);
    if (password.length < shortest) {
      asker.say(`  expected ${shortest === 1 ? 'a password' : `at least ${shortest} characters`}`);
    } else if ((await questions.askSecret('Again')) === password) return password;
    else asker.say('  the two are not the same');
  }
}

async function yesOrNo(asker: Asker, question: string, usual: 'yes' | 'no'): Promise<boolean> {
  const answer = await asker.ask(question, usual, (one) =>
    /^(y|yes|n|no)$/i.test(one) ? undefined : 'yes or no',
  );
  return /^y/i.test(answer);
}

/** Addresses of this machine that others may reach, IPv4 first. */
function lanAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flat()
    .filter((one) => one !== undefined && !one.internal && !/^fe80:|^169\.254\./i.test(one.address))
    .toSorted((a, b) => (a?.family ?? '').localeCompare(b?.family ?? ''))
    .map((one) => one?.address ?? '');
}

/** What to do now; `config` is the file of `--config`, which the service does not read and each command needs. */
function nextSteps(
  { address, page, cell }: Answers,
  name: string,
  file: string,
  config: string | undefined,
): string {
  const isService = config === undefined || file === SERVICE_CONFIG;
  const start = isService ? 'sudo systemctl restart cellgate' : `cellgate run --config ${file}`;
  const apply = isService
    ? 'sudo cellgate check && sudo cellgate reload'
    : `cellgate check --config ${file} && cellgate reload --config ${file}`;
  const host = address.includes(':') ? `[${address}]` : address;
  const ca = path.join(path.dirname(file), 'tls/ca.crt');
  const open = page
    ? `open https://${host}:${PAGE_PORT}/ and log in as ${name}. The browser warns until it trusts ${ca}.`
    : `open http://127.0.0.1:${PAGE_PORT}/ on this machine and log in as ${name}.`;
  return `
Next:
  1. start it with this config: ${start}
  2. ${open}
  3. clients on the network: mosquitto_sub -h ${address} -p ${BROKER_PORT} --cafile ${ca} -u ${name} -P PASSWORD -t '${cell}/#' -v
  4. name your sensors in ${file}, then: ${apply}
`;
}
