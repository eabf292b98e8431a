import type { Packet5 } from '../../../support/packets-5.ts';
import * as p from '../../../support/packets-5.ts';

/** When something happened, in milliseconds: not before `from`, not after `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A message that was published with an expiry. */
export interface Published {
  readonly topic: string;
  readonly payload: string;
  readonly properties: p.Properties;
  /** From its PUBLISH to its acknowledgement; undefined where none came before the kill. */
  readonly at: Span | undefined;
  /** When its PUBLISH was sent. */
  readonly sentAt: number;
}

/** What an expiry may be wrong by, in milliseconds. */
export const RIGHT_MS = 1000;

/** What a receiver was given of these messages; `seen` is from its CONNECT or SUBSCRIBE to the arrival of the last. */
export interface Reception {
  readonly expiryMs: number;
  readonly identifiers: readonly number[];
  readonly messages: readonly { readonly packet: Packet5; readonly at: number }[];
  readonly seen: Span;
}

/** What is wrong, in a sentence each; `killedAt` is for messages without an acknowledgement. */
export function faultsOfMessages(
  published: readonly Published[],
  reception: Reception,
  killedAt: number,
): string[] {
  const faults: string[] = [];
  const { messages, expiryMs, seen } = reception;
  const byPayload = new Map(published.map((each) => [each.payload, each]));
  const received = new Set<string>();
  for (const { packet, at } of messages) {
    const each = byPayload.get(packet.payload!);
    if (!each) {
      faults.push(`'${packet.payload}' on ${packet.topic} was never published`);
      continue;
    }
    if (received.has(each.payload)) faults.push(`${each.payload} came twice`);
    received.add(each.payload);
    const span = { from: each.sentAt, to: each.at?.to ?? killedAt };
    faults.push(...faultsOfOne(each, packet, span, { from: seen.from, to: at }, reception));
  }
  for (const { payload, at, sentAt } of published) {
    if (!at || received.has(payload)) continue;
    if (seen.to < sentAt + expiryMs - RIGHT_MS) faults.push(`${payload} was acknowledged and lost`);
  }
  return faults;
}

function faultsOfOne(
  each: Published,
  packet: Packet5,
  published: Span,
  sent: Span,
  { expiryMs, identifiers }: Reception,
): string[] {
  const faults: string[] = [];
  const { payload } = each;
  const most = (published.to + expiryMs - sent.from + RIGHT_MS) / 1000;
  const least = (published.from + expiryMs - sent.to - RIGHT_MS) / 1000;
  const expiry = p.valueIn(packet, 'messageExpiry') as number | undefined;
  if (most < 0) faults.push(`${payload} came ${-most} s after its expiry`);
  else if (expiry === undefined || expiry > Math.ceil(most) || expiry < Math.floor(least)) {
    const right = `${least.toFixed(1)} to ${most.toFixed(1)}`;
    faults.push(`${payload} has an expiry of ${expiry} s, not ${right}`);
  }
  const kept = packet.properties.filter(
    ([name]) => name !== 'messageExpiry' && name !== 'subscriptionIdentifier',
  );
  if (text(kept) !== text(each.properties)) faults.push(`${payload} has properties ${text(kept)}`);
  const found = (p.valuesIn(packet, 'subscriptionIdentifier') as number[]).toSorted();
  if (found.join() !== identifiers.toSorted().join()) {
    faults.push(`${payload} has the identifiers ${found}, not ${identifiers}`);
  }
  return faults;
}

function text(properties: p.Properties): string {
  return JSON.stringify(properties);
}

/** The faults of a group whose members are `arrived` together: each message comes, at QoS 1 again only with DUP. */
export function faultsOfGroup(
  published: readonly Published[],
  arrived: readonly { readonly packet: Packet5 }[],
): string[] {
  const faults: string[] = [];
  for (const { payload, at, properties } of published) {
    const all = arrived.filter(({ packet }) => packet.payload === payload);
    if (at && all.length === 0) faults.push(`${payload} was acknowledged and lost`);
    for (const [n, { packet }] of all.entries()) {
      if (n > 0 && (packet.qos === 2 || !packet.dup)) faults.push(`${payload} came twice`);
      const kept = packet.properties.filter(([name]) => name !== 'subscriptionIdentifier');
      if (text(kept) !== text(properties)) faults.push(`${payload} has properties ${text(kept)}`);
    }
  }
  return faults;
}

/** A will that must be published once at some time, or never. */
export interface ExpectedWill {
  readonly payload: string;
  readonly properties: p.Properties;
  /** Undefined where its client came back or disconnected in order. */
  readonly due: Span | undefined;
}

/** The faults of wills that arrived at these times. `slackMs` is how long the machine stood still. */
export function faultsOfWills(
  wills: readonly ExpectedWill[],
  arrived: readonly { readonly packet: Packet5; readonly at: number }[],
  slackMs: number,
): string[] {
  const faults: string[] = [];
  for (const { payload, due, properties } of wills) {
    const all = arrived.filter(({ packet }) => packet.payload === payload);
    const wanted = due ? 1 : 0;
    if (all.length !== wanted) {
      faults.push(`the will ${payload} came ${all.length} times, not ${wanted}`);
    }
    for (const { packet, at } of due ? all : []) {
      if (at < due!.from - RIGHT_MS || at > due!.to + RIGHT_MS + slackMs) {
        const early = ((due!.from - at) / 1000).toFixed(1);
        faults.push(`the will ${payload} came ${early} s before its time`);
      }
      const kept = packet.properties.filter(([name]) => name !== 'messageExpiry');
      if (text(kept) !== text(properties)) {
        faults.push(`the will ${payload} has properties ${text(kept)}`);
      }
    }
  }
  return faults;
}
