import { ProtocolError } from '../../mqtt/protocol-error.ts';
import { MALFORMED_PACKET } from '../../mqtt/reason-codes.ts';
import { controlCharacter } from '../../mqtt/topics.ts';

export interface TopicLimits {
  /** What happens at U+0001 to U+001F and U+007F to U+009F in topics and filters of clients. */
  readonly controlCharacters: 'allow' | 'refuse';
}

/** Throws a ProtocolError where the limits refuse a control character in the text, which is `what`. */
export function checkControlCharacters(what: string, text: string, limits: TopicLimits): void {
  if (limits.controlCharacters === 'allow') return;
  const found = controlCharacter(text);
  if (found === undefined) return;
  throw new ProtocolError(
    `the ${what} holds the control character ${found}, which broker.limits.controlCharacters refuses`,
    MALFORMED_PACKET,
  );
}
