/**
 * The bytes of the GPIO character device, version 2 (linux/gpio.h, Linux 5.10 and later). Little-endian, as every
 * Raspberry Pi and PC is.
 */

const TYPE = 0xb4;
const READ = 2;
const READ_WRITE = 3;

/** The number of an ioctl, asm-generic/ioctl.h: direction, size of the argument, type, number. */
function ioctlNumber(direction: number, number: number, size: number): number {
  return ((direction << 30) | (size << 16) | (TYPE << 8) | number) >>> 0;
}

const CHIP_INFO_BYTES = 68;
const LINE_INFO_BYTES = 256;
const LINE_REQUEST_BYTES = 592;
const LINE_VALUES_BYTES = 16;
/** Size of struct gpio_v2_line_event. */
export const LINE_EVENT_BYTES = 48;

export const GET_CHIPINFO = ioctlNumber(READ, 0x01, CHIP_INFO_BYTES);
export const GET_LINEINFO = ioctlNumber(READ_WRITE, 0x05, LINE_INFO_BYTES);
export const GET_LINE = ioctlNumber(READ_WRITE, 0x07, LINE_REQUEST_BYTES);
export const GET_VALUES = ioctlNumber(READ_WRITE, 0x0e, LINE_VALUES_BYTES);
export const SET_VALUES = ioctlNumber(READ_WRITE, 0x0f, LINE_VALUES_BYTES);

/** enum gpio_v2_line_flag. */
export const LINE_FLAG = {
  used: 1n,
  activeLow: 2n,
  input: 4n,
  output: 8n,
  edgeRising: 16n,
  edgeFalling: 32n,
  openDrain: 64n,
  openSource: 128n,
  biasPullUp: 256n,
  biasPullDown: 512n,
  biasDisabled: 1024n,
} as const;

/** enum gpio_v2_line_attr_id. */
const OUTPUT_VALUES = 2;
const DEBOUNCE = 3;
/** enum gpio_v2_line_event_id. */
const RISING_EDGE = 1;

/** GPIO_MAX_NAME_SIZE, with the closing zero. */
const NAME_BYTES = 32;
/** GPIO_V2_LINES_MAX: lines in one request. */
export const LINES_MAX = 64;
/** The most events that the kernel keeps for one request: 16 for each of 64 lines. */
export const EVENTS_MAX = 1024;

/** struct gpiochip_info. */
export interface ChipInfo {
  readonly name: string;
  readonly label: string;
  readonly lines: number;
}

/** struct gpio_v2_line_info, as far as it is used: an empty name or consumer means none. */
export interface LineInfo {
  readonly name: string;
  readonly consumer: string;
  readonly offset: number;
  readonly used: boolean;
}

/** What one request asks for; the same for each of its lines. */
export interface LineRequest {
  readonly offsets: readonly number[];
  readonly consumer: string;
  /** LINE_FLAGs, or-ed. */
  readonly flags: bigint;
  /** Microseconds; 0 for none. */
  readonly debounceUs?: number;
  /** Of outputs, in the order of the offsets, after active-low. */
  readonly values?: readonly boolean[];
  /** How many events the kernel keeps. */
  readonly eventBuffer?: number;
}

/** struct gpio_v2_line_event: nanoseconds of CLOCK_MONOTONIC; both sequence numbers begin at 1 and wrap at 32 bits. */
export interface LineEvent {
  readonly time: bigint;
  readonly rising: boolean;
  readonly offset: number;
  /** Counts the events of all lines of the request. */
  readonly sequence: number;
  /** Counts the events of this line. */
  readonly lineSequence: number;
}

/** A buffer for GET_CHIPINFO. */
export function chipInfoRequest(): Buffer {
  return Buffer.alloc(CHIP_INFO_BYTES);
}

/** What GET_CHIPINFO has put there. */
export function decodeChipInfo(bytes: Buffer): ChipInfo {
  return { name: name(bytes, 0), label: name(bytes, NAME_BYTES), lines: bytes.readUInt32LE(64) };
}

/** A buffer that asks GET_LINEINFO for the line at an offset. */
export function lineInfoRequest(offset: number): Buffer {
  const bytes = Buffer.alloc(LINE_INFO_BYTES);
  bytes.writeUInt32LE(offset, 64);
  return bytes;
}

/** What GET_LINEINFO has put there. */
export function decodeLineInfo(bytes: Buffer): LineInfo {
  return {
    name: name(bytes, 0),
    consumer: name(bytes, NAME_BYTES),
    offset: bytes.readUInt32LE(64),
    used: (bytes.readBigUInt64LE(72) & LINE_FLAG.used) !== 0n,
  };
}

const CONSUMER_AT = 256;
const FLAGS_AT = 288;
const ATTRIBUTE_COUNT_AT = 296;
const ATTRIBUTES_AT = 320;
const ATTRIBUTE_BYTES = 24;
const LINE_COUNT_AT = 560;
const EVENT_BUFFER_AT = 564;
const FD_AT = 588;

/** The struct gpio_v2_line_request for GET_LINE. Throws a RangeError for more than 64 lines. */
export function encodeLineRequest(request: LineRequest): Buffer {
  const { offsets, consumer, flags, debounceUs = 0, values, eventBuffer = 0 } = request;
  if (offsets.length < 1 || offsets.length > LINES_MAX) {
    throw new RangeError(`${offsets.length} lines in one request, the kernel takes 1 to 64`);
  }
  const bytes = Buffer.alloc(LINE_REQUEST_BYTES);
  for (const [index, offset] of offsets.entries()) bytes.writeUInt32LE(offset, 4 * index);
  bytes.write(consumer.slice(0, NAME_BYTES - 1), CONSUMER_AT, 'latin1');
  bytes.writeBigUInt64LE(flags, FLAGS_AT);
  const attributes: (readonly [id: number, value: bigint])[] = [];
  if (values !== undefined) attributes.push([OUTPUT_VALUES, toBits(values)]);
  if (debounceUs > 0) attributes.push([DEBOUNCE, BigInt(debounceUs)]);
  bytes.writeUInt32LE(attributes.length, ATTRIBUTE_COUNT_AT);
  for (const [index, [id, value]] of attributes.entries()) {
    const at = ATTRIBUTES_AT + ATTRIBUTE_BYTES * index;
    bytes.writeUInt32LE(id, at);
    bytes.writeBigUInt64LE(value, at + 8);
    bytes.writeBigUInt64LE(mask(offsets.length), at + 16);
  }
  bytes.writeUInt32LE(offsets.length, LINE_COUNT_AT);
  bytes.writeUInt32LE(eventBuffer, EVENT_BUFFER_AT);
  return bytes;
}

/** The file descriptor that GET_LINE has put there. */
export function decodeLineFd(bytes: Buffer): number {
  return bytes.readInt32LE(FD_AT);
}

/** The struct gpio_v2_line_values of all `count` lines; without values it asks GET_VALUES for them. */
export function encodeLineValues(count: number, values: readonly boolean[] = []): Buffer {
  const bytes = Buffer.alloc(LINE_VALUES_BYTES);
  bytes.writeBigUInt64LE(toBits(values), 0);
  bytes.writeBigUInt64LE(mask(count), 8);
  return bytes;
}

/** What GET_VALUES has put there, in the order of the request's lines, after active-low. */
export function decodeLineValues(bytes: Buffer, count: number): boolean[] {
  const bits = bytes.readBigUInt64LE(0);
  return Array.from({ length: count }, (_, index) => ((bits >> BigInt(index)) & 1n) === 1n);
}

/** The events in the first `length` bytes that were read from a request's file descriptor. */
export function decodeLineEvents(bytes: Buffer, length: number): LineEvent[] {
  const events: LineEvent[] = [];
  for (let at = 0; at + LINE_EVENT_BYTES <= length; at += LINE_EVENT_BYTES) {
    events.push({
      time: bytes.readBigUInt64LE(at),
      rising: bytes.readUInt32LE(at + 8) === RISING_EDGE,
      offset: bytes.readUInt32LE(at + 12),
      sequence: bytes.readUInt32LE(at + 16),
      lineSequence: bytes.readUInt32LE(at + 20),
    });
  }
  return events;
}

function mask(count: number): bigint {
  return (1n << BigInt(count)) - 1n;
}

function toBits(values: readonly boolean[]): bigint {
  return values.reduce((bits, value, index) => bits | (value ? 1n << BigInt(index) : 0n), 0n);
}

function name(bytes: Buffer, at: number): string {
  const field = bytes.subarray(at, at + NAME_BYTES);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? NAME_BYTES : end);
}
