const RESERVED = '$SYS/';

/** Whether the topic belongs to the gateway: clients may not publish on it, and it is not kept on disk. */
export function isReserved(topic: string): boolean {
  return topic.startsWith(RESERVED);
}
