import path from 'node:path';
import type { Drivers } from '../driver-kit/driver.ts';
import { elementForms } from './advice/element-forms.ts';
import type { KeyExplainer } from './advice/key-advice.ts';
import { crossChecks } from './checks/checks.ts';
import {
  dataFolderMode,
  passwordFileChecks,
  readableFilters,
  tlsFileChecks,
} from './checks/file-checks.ts';
import { inRouteWarnings } from './checks/in-route-checks.ts';
import { likelyMistakes, noFolder } from './checks/likely-mistakes.ts';
import type { Parts, ValidElement } from './checks/parts.ts';
import { withFilledNames } from './filled-names.ts';
import { PARSED_ONCE, validate } from './findings.ts';
import { withOutsideDrivers } from './outside-drivers.ts';
import { homeAssistantSchema } from './schema/home-assistant.ts';
import { type HttpConfig, httpSchema } from './schema/http.ts';
import { type ListenerConfig, listenerSchema } from './schema/listeners.ts';
import { namesSchema } from './schema/names.ts';
import { outputSchema } from './schema/outputs.ts';
import { powerFailSchema } from './schema/power-fail.ts';
import { type Config, cellSchema, configSchema, type Settings } from './schema/schema.ts';
import { sensorSchema } from './schema/sensors.ts';
import { type UplinkConfig, uplinkSchema } from './schema/uplinks.ts';
import { byPosition, type Finding, formatPath, type Path, type Problem } from './yaml/problem.ts';
import { withNewNames } from './yaml/renamed-keys.ts';
import { parseSource, type Source } from './yaml/source.ts';
import { readText } from './yaml/text-file.ts';

/** The config, or at least one problem. Warnings are about keys under an old name, a data folder that others may read, a simulation, and in routes to nothing. */
export type LoadResult = { readonly warnings: readonly Problem[] } & (
  | { readonly config: Config; readonly problems: readonly [] }
  | { readonly config: undefined; readonly problems: readonly Problem[] }
);

const NO_CONFIG = 'no such file, expected a config: "cellgate setup" writes one';
const SIMULATED: Finding = {
  path: ['simulate'],
  at: 'value',
  message: 'warning: true, so no hardware is used: sensors, inputs and outputs are models',
};
/** Only the first hundred problems of a file are reported. */
const MOST_PROBLEMS = 100;
/** Each position needs a search, and a large invalid file must not take minutes. */
const MOST_FINDINGS = 1000;

interface Schemas {
  readonly schema: ReturnType<typeof configSchema>;
  readonly sensor: ReturnType<typeof sensorSchema>;
}

/** To make them takes longer than to check a config. */
const known = new WeakMap<Drivers, Schemas>();

function schemasFor(drivers: Drivers): Schemas {
  const found = known.get(drivers);
  if (found) return found;
  const made = { schema: configSchema(drivers), sensor: sensorSchema(drivers) };
  known.set(drivers, made);
  return made;
}

/**
 * Reads and checks a whole config. Accesses no hardware and does not throw, whatever the file contains.
 * The paths of the result are absolute: files are relative to the config's folder, `data` to `cwd`.
 * `text` takes the place of that of the file.
 */
export async function loadConfig(
  file: string,
  drivers: Drivers,
  cwd: string = process.cwd(),
  text?: string,
): Promise<LoadResult> {
  const read = text === undefined ? await readText(path.resolve(cwd, file)) : { text };
  if (!('text' in read)) {
    const message = read.message.replace('no such file, expected a YAML file', NO_CONFIG);
    return failed([{ file, path: 'config', ...read, message }]);
  }
  const parsed = parseSource(read.text);
  if ('problems' in parsed) return failed(parsed.problems.map((one) => ({ file, ...one })));
  if (parsed.value === null) {
    const message = 'the file is empty, expected a config with at least "cell: NAME"';
    return failed([{ file, line: 1, column: 1, path: 'config', message }]);
  }
  const renamed = withNewNames(parsed);
  const { source, findings: ofNames } = withFilledNames(renamed.source);
  const placed = (findings: readonly Finding[]): Problem[] =>
    findings.slice(0, MOST_FINDINGS).map(({ path: at, at: place, message }) => ({
      file,
      ...source.locate(at, place),
      path: formatPath(renamed.pathInFile(at)),
      message,
    }));
  const warnings = inOrder(placed(renamed.warnings));
  const folder = path.dirname(path.resolve(cwd, file));
  const { sensors } = (source.value ?? {}) as { sensors?: unknown };
  const outside = await withOutsideDrivers(drivers, sensors, folder);
  const { schema, sensor } = schemasFor(outside.drivers);
  const { value, findings } = validate(
    schema,
    source,
    explainKey(source),
    elementForms(source, outside.drivers),
  );
  const parts = partsOf(source, outside.drivers, sensor);
  const failing = [...outside.findings, ...ofNames].map(({ path: at }) => formatPath(at));
  const others = findings.filter(({ path: at }) => !failing.includes(formatPath(at)));
  const all = [
    ...renamed.findings,
    ...ofNames,
    ...outside.findings,
    ...others,
    ...crossChecks(parts),
    ...(await fileFindings(parts, folder)),
  ];
  if (value && all.length === 0) {
    const config = { ...absolute(value, folder, cwd), drivers: outside.drivers };
    const file = await noFolder(config.data);
    if (file) return failed(placed([{ path: ['data'], at: 'value', message: file }]), warnings);
    const mode = await dataFolderMode(config.data);
    const message = mode && `${mode.found}: ${mode.remedy}`;
    const open = message ? placed([{ path: ['data'], at: 'value', message }]) : [];
    const simulated = config.simulate ? placed([SIMULATED]) : [];
    const { access } = config.broker;
    const unreceived = inRouteWarnings(parts, access ? await readableFilters(access) : []);
    return {
      config,
      problems: [],
      warnings: inOrder([
        ...warnings,
        ...open,
        ...simulated,
        ...placed([...unreceived, ...likelyMistakes(parts)]),
      ]),
    };
  }
  return failed(placed(all), warnings);
}

function failed(problems: readonly Problem[], warnings: readonly Problem[] = []): LoadResult {
  return { config: undefined, problems: inOrder(problems), warnings };
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted(byPosition).slice(0, MOST_PROBLEMS);
}

/** Keys that only some drivers have. */
const WIRING_KEYS = ['bus', 'address', 'line'];

function explainKey(source: Source): KeyExplainer {
  return (at, key) => {
    const driver = at.length === 2 && at[0] === 'sensors' && source.written([...at, 'driver']);
    if (!driver || !WIRING_KEYS.includes(key)) return undefined;
    return `the driver ${driver} takes no ${key}, expected no such key here`;
  };
}

/** The elements that are valid by themselves, also when others are not: all problems are reported at once. */
function partsOf(source: Source, drivers: Drivers, sensor: Schemas['sensor']): Parts {
  const { cell, names, sensors, outputs, broker, powerFail, uplinks, http, homeAssistant } =
    source.value as Readonly<Record<string, unknown>>;
  const listeners = (broker as { listeners?: unknown } | null | undefined)?.listeners;
  return {
    cell: cellSchema.safeParse(cell, PARSED_ONCE).data ?? 'CELL',
    names: namesSchema.safeParse(names, PARSED_ONCE).data,
    sensors: valid(sensors, (one) => sensor.safeParse(one, PARSED_ONCE)),
    outputs: valid(outputs, (one) => outputSchema.safeParse(one, PARSED_ONCE)),
    powerFail:
      powerFail === undefined ? undefined : powerFailSchema.safeParse(powerFail, PARSED_ONCE).data,
    listeners: valid(listeners, (one) => listenerSchema.safeParse(one, PARSED_ONCE)),
    uplinks: valid(uplinks, (one) => uplinkSchema.safeParse(one, PARSED_ONCE)),
    http: http === undefined ? undefined : httpSchema.safeParse(http, PARSED_ONCE).data,
    homeAssistant:
      homeAssistant === undefined
        ? undefined
        : homeAssistantSchema.safeParse(homeAssistant, PARSED_ONCE).data,
    hasAccess: typeof (broker as { access?: unknown } | null | undefined)?.access === 'string',
    drivers,
    lineOf: (at: Path) => source.locate(at, 'value').line,
  };
}

function valid<Element>(
  list: unknown,
  parse: (one: unknown) => { success: boolean; data?: Element | undefined },
): ValidElement<Element>[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, MOST_FINDINGS).flatMap((one, index) => {
    const { data } = parse(one);
    return data === undefined ? [] : [{ index, element: data }];
  });
}

async function fileFindings(parts: Parts, folder: string): Promise<readonly Finding[]> {
  const listeners = parts.listeners.map(({ index, element }) => {
    const { tls } = withFiles(element, folder);
    return tls ? tlsFileChecks(tls, ['broker', 'listeners', index, 'tls']) : [];
  });
  const uplinks = parts.uplinks.map(async ({ index, element }) => {
    const { tls, password } = withUplinkFiles(element, folder);
    const path = ['uplinks', index];
    return [
      ...(tls ? await tlsFileChecks(tls, [...path, 'tls']) : []),
      ...(password ? await passwordFileChecks(password, [...path, 'password']) : []),
    ];
  });
  const { tls } = parts.http ? withHttpFiles(parts.http, folder) : {};
  const page = tls ? tlsFileChecks(tls, ['http', 'tls']) : [];
  return (await Promise.all([...listeners, ...uplinks, page])).flat();
}

/** The uplink with absolute paths. */
function withUplinkFiles<Uplink extends Pick<UplinkConfig, 'tls' | 'password'>>(
  uplink: Uplink,
  folder: string,
): Uplink {
  const tls = Object.entries(uplink.tls ?? {}).map(([key, value]) => {
    const isFile = key === 'ca' || key === 'cert' || key === 'key';
    return [key, isFile ? path.resolve(folder, value as string) : value];
  });
  const file = uplink.password?.startsWith('file:') ? uplink.password.slice(5) : undefined;
  return {
    ...uplink,
    ...(uplink.tls ? { tls: Object.fromEntries(tls) } : {}),
    ...(file === undefined ? {} : { password: `file:${path.resolve(folder, file)}` }),
  };
}

function withFiles(listener: ListenerConfig, folder: string): ListenerConfig {
  if (!listener.tls) return listener;
  const { cert, key, ca, clientCert } = listener.tls;
  const file = (name: string): string => path.resolve(folder, name);
  const tls = { cert: file(cert), key: file(key), clientCert };
  return { ...listener, tls: ca === undefined ? tls : { ...tls, ca: file(ca) } };
}

function withHttpFiles(http: HttpConfig, folder: string): HttpConfig {
  if (!http.tls) return http;
  const { cert, key } = http.tls;
  return { ...http, tls: { cert: path.resolve(folder, cert), key: path.resolve(folder, key) } };
}

function absolute(config: Settings, folder: string, cwd: string): Settings {
  const listeners = config.broker.listeners.map((listener) => withFiles(listener, folder));
  return {
    ...config,
    data: path.resolve(cwd, config.data),
    broker: {
      ...config.broker,
      listeners,
      ...(config.broker.access ? { access: path.resolve(folder, config.broker.access) } : {}),
    },
    uplinks: config.uplinks.map((uplink) => withUplinkFiles(uplink, folder)),
    ...(config.http ? { http: withHttpFiles(config.http, folder) } : {}),
  };
}
