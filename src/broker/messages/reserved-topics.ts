import { isOfCertificates } from '../../mqtt/sparkplug-topics.ts';

const SYS = '$SYS/';

/** Whether the topic belongs to the gateway: clients may not publish on it. */
export function isReserved(topic: string): boolean {
  return topic.startsWith(SYS) || isOfCertificates(topic);
}

/** Whether its retained message is kept on disk: the state of the gateway is not. */
export function isKept(topic: string): boolean {
  return !topic.startsWith(SYS);
}
