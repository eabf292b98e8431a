import type { StoreStatus } from '../store/store.ts';
import { createFacts, element } from './dom.ts';
import { bytes, number, say } from './words.ts';

/** What the disk does. */
export function createStore() {
  const facts = createFacts([
    ['commits', say('commits')],
    ['times', say('commitTime')],
    ['written', say('written')],
    ['free', say('free')],
  ]);
  const time = (ms: number | null): string => (ms === null ? '–' : `${number(ms)} ms`);
  return {
    node: element('div', { class: 'card' }, facts.node),
    show({ commits, commitMs, bytesWritten, freeBytes }: StoreStatus): void {
      facts.set('commits', number(commits));
      facts.set('times', `${time(commitMs.p50)} / ${time(commitMs.p99)}`);
      facts.set('written', bytes(bytesWritten));
      facts.set('free', freeBytes === null ? '–' : bytes(freeBytes));
    },
  };
}
