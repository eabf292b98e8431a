import {
  FIXED_32,
  FIXED_64,
  LENGTH,
  MessageWriter,
  readFields,
  VARINT,
} from '../../base/protobuf.ts';

/** Data types by their number [Sparkplug 3.0, section 6.4.16]; sets of data, files and templates are not used here. */
export const DATA_TYPES = {
  Int8: 1,
  Int16: 2,
  Int32: 3,
  Int64: 4,
  UInt8: 5,
  UInt16: 6,
  UInt32: 7,
  UInt64: 8,
  Float: 9,
  Double: 10,
  Boolean: 11,
  String: 12,
  DateTime: 13,
  Text: 14,
  UUID: 15,
  Bytes: 17,
} as const;

export type DataType = keyof typeof DATA_TYPES;

/** `null` is a metric or property without a value; integers of 64 bits may be a bigint. */
export type MetricValue = number | bigint | boolean | string | Uint8Array | null;

/** One property of a metric, such as its unit. */
export interface Property {
  readonly name: string;
  readonly type: DataType;
  readonly value: MetricValue;
}

/** One metric [Sparkplug 3.0, section 6.4.6]; a name or an alias says which. */
export interface Metric {
  readonly name?: string;
  readonly alias?: number;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp?: number;
  /** How the value is written. */
  readonly type: DataType;
  /** Whether the type itself is left out, as in data messages. */
  readonly omitType?: boolean;
  readonly historical?: boolean;
  readonly value: MetricValue;
  readonly properties?: readonly Property[];
}

/** The payload of every message but STATE [Sparkplug 3.0, section 6.4.5]. */
export interface Payload {
  readonly timestamp?: number;
  /** 0 to 255; NDEATH and commands have none. */
  readonly seq?: number;
  readonly metrics: readonly Metric[];
}

/** A payload whose metrics may be bytes of `encodeMetric`. */
type EncodablePayload = Omit<Payload, 'metrics'> & {
  readonly metrics: readonly (Metric | Uint8Array)[];
};

/** A metric as it was received: its type may be missing, and then its value is unsigned. */
export type ReceivedMetric = Omit<Metric, 'type' | 'omitType'> & { readonly type?: DataType };

export type ReceivedPayload = Omit<Payload, 'metrics'> & {
  readonly metrics: readonly ReceivedMetric[];
};

/** The field of a value in a metric and in a property, by what is written into it. */
const METRIC_VALUE = {
  int: 10,
  long: 11,
  float: 12,
  double: 13,
  boolean: 14,
  string: 15,
  bytes: 16,
};
const PROPERTY_VALUE = { int: 3, long: 4, float: 5, double: 6, boolean: 7, string: 8, bytes: -1 };
type ValueFields = typeof METRIC_VALUE;

/** More metrics in a received payload are no command of a host. */
const MOST_METRICS = 1000;
const TYPE_NAMES = new Map<number, DataType>(
  Object.entries(DATA_TYPES).map(([name, number]) => [number, name as DataType]),
);

/** The bytes of a payload; metrics may be encoded already. Throws if a value is not one of its type. */
export function encodePayload({ timestamp, seq, metrics }: EncodablePayload): Buffer {
  const writer = new MessageWriter();
  if (timestamp !== undefined) writer.varint(1, timestamp);
  for (const metric of metrics) {
    writer.bytes(2, metric instanceof Uint8Array ? metric : encodeMetric(metric));
  }
  if (seq !== undefined) writer.varint(3, seq);
  return writer.written;
}

/** The bytes of a metric in a payload. Throws if the value is not one of its type. */
export function encodeMetric(metric: Metric): Buffer {
  const { name, alias, timestamp, type, omitType, historical, value, properties } = metric;
  const writer = new MessageWriter();
  if (name !== undefined) writer.string(1, name);
  if (alias !== undefined) writer.varint(2, alias);
  if (timestamp !== undefined) writer.varint(3, timestamp);
  if (!omitType) writer.varint(4, DATA_TYPES[type]);
  if (historical) writer.boolean(5, true);
  if (value === null) writer.boolean(7, true);
  if (properties && properties.length > 0) writer.bytes(9, encodeProperties(properties));
  if (value !== null) encodeValue(writer, METRIC_VALUE, type, value);
  return writer.written;
}

function encodeProperties(properties: readonly Property[]): Buffer {
  const writer = new MessageWriter();
  for (const { name } of properties) writer.string(1, name);
  for (const { type, value } of properties) {
    const one = new MessageWriter();
    one.varint(1, DATA_TYPES[type]);
    if (value === null) one.boolean(2, true);
    else encodeValue(one, PROPERTY_VALUE, type, value);
    writer.bytes(2, one.written);
  }
  return writer.written;
}

function encodeValue(
  writer: MessageWriter,
  fields: ValueFields,
  type: DataType,
  value: Exclude<MetricValue, null>,
): void {
  const isInteger = typeof value === 'bigint' || Number.isSafeInteger(value);
  switch (type) {
    case 'Int8':
    case 'Int16':
    case 'Int32':
    case 'UInt8':
    case 'UInt16':
      // Negative ones as the two's complement of 32 bits: the field is unsigned.
      if (isInteger)
        return writer.varint(fields.int, Number(BigInt.asUintN(32, BigInt(Number(value)))));
      break;
    case 'UInt32':
    case 'Int64':
    case 'UInt64':
    case 'DateTime':
      if (isInteger) return writer.varint(fields.long, BigInt(value as number | bigint));
      break;
    case 'Float':
      if (typeof value === 'number') return writer.float(fields.float, value);
      break;
    case 'Double':
      if (typeof value === 'number') return writer.double(fields.double, value);
      break;
    case 'Boolean':
      if (typeof value === 'boolean') return writer.boolean(fields.boolean, value);
      break;
    case 'Bytes':
      if (value instanceof Uint8Array) return writer.bytes(fields.bytes, value);
      break;
    default:
      if (typeof value === 'string') return writer.string(fields.string, value);
  }
  throw new Error(`no value of type ${type}: ${typeof value}`);
}

/** Reads a payload. Throws with the reason if the bytes are none; unknown fields are left out. */
export function decodePayload(bytes: Buffer): ReceivedPayload {
  const payload: { timestamp?: number; seq?: number } = {};
  const metrics: ReceivedMetric[] = [];
  for (const { number, wire, bits, bytes: content } of readFields(bytes)) {
    if (number === 1 && wire === VARINT) payload.timestamp = Number(bits);
    if (number === 3 && wire === VARINT) payload.seq = Number(bits);
    if (number !== 2 || wire !== LENGTH) continue;
    if (metrics.length === MOST_METRICS) throw new Error(`more than ${MOST_METRICS} metrics`);
    metrics.push(decodeMetric(content));
  }
  return { ...payload, metrics };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function decodeMetric(bytes: Buffer): ReceivedMetric {
  const metric: Mutable<ReceivedMetric> = { value: null };
  const values = new ValueReader(METRIC_VALUE);
  for (const { number, wire, bits, bytes: content } of readFields(bytes)) {
    if (number === 1 && wire === LENGTH) metric.name = content.toString();
    else if (number === 2 && wire === VARINT) metric.alias = Number(bits);
    else if (number === 3 && wire === VARINT) metric.timestamp = Number(bits);
    else if (number === 4 && wire === VARINT) setType(metric, bits);
    else if (number === 5 && wire === VARINT) metric.historical = bits !== 0n;
    else if (number === 9 && wire === LENGTH) metric.properties = decodeProperties(content);
    else values.read(number, wire, bits, content);
  }
  metric.value = values.of(metric.type);
  return metric;
}

function decodeProperties(bytes: Buffer): Property[] {
  const names: string[] = [];
  const values: Omit<Property, 'name'>[] = [];
  for (const { number, wire, bytes: content } of readFields(bytes)) {
    if (number === 1 && wire === LENGTH) names.push(content.toString());
    if (number === 2 && wire === LENGTH) values.push(decodeProperty(content));
  }
  return names.flatMap((name, place) => {
    const value = values[place];
    return value ? [{ name, ...value }] : [];
  });
}

function decodeProperty(bytes: Buffer): Omit<Property, 'name'> {
  const property: { type?: DataType } = {};
  const values = new ValueReader(PROPERTY_VALUE);
  for (const { number, wire, bits, bytes: content } of readFields(bytes)) {
    if (number === 1 && wire === VARINT) setType(property, bits);
    else values.read(number, wire, bits, content);
  }
  return { type: property.type ?? 'String', value: values.of(property.type) };
}

function setType(target: { type?: DataType }, bits: bigint): void {
  const type = TYPE_NAMES.get(Number(bits));
  if (type) target.type = type;
}

/** The value of a metric or a property: the last of its fields. */
class ValueReader {
  readonly #fields: ValueFields;
  #value: MetricValue = null;

  constructor(fields: ValueFields) {
    this.#fields = fields;
  }

  read(number: number, wire: number, bits: bigint, content: Buffer): void {
    const { int, long, float, double, boolean, string, bytes } = this.#fields;
    if (number === int && wire === VARINT) this.#value = Number(BigInt.asUintN(32, bits));
    else if (number === long && wire === VARINT) this.#value = bits;
    else if (number === float && wire === FIXED_32) this.#value = content.readFloatLE();
    else if (number === double && wire === FIXED_64) this.#value = content.readDoubleLE();
    else if (number === boolean && wire === VARINT) this.#value = bits !== 0n;
    else if (number === string && wire === LENGTH) this.#value = content.toString();
    else if (number === bytes && wire === LENGTH) this.#value = Buffer.from(content);
  }

  of(type: DataType | undefined): MetricValue {
    const value = this.#value;
    if (typeof value === 'number' && (type === 'Int8' || type === 'Int16' || type === 'Int32')) {
      return value | 0;
    }
    if (typeof value !== 'bigint') return value;
    return type === 'Int64' ? BigInt.asIntN(64, value) : value;
  }
}
