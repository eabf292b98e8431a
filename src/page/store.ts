import type { StoreStatus } from '../store/store-status.ts';
import { createFacts, element } from './dom.ts';
import { bytes, number, translate } from './translations.ts';

/** Figures of the store: commits and disk. */
export function createStore() {
  const facts = createFacts([
    ['commits', translate('commits')],
    ['times', translate('commitTime')],
    ['written', translate('written')],
    ['free', translate('free')],
    ['wear', translate('wear')],
  ]);
  const time = (ms: number | null): string => (ms === null ? '–' : `${number(ms)} ms`);
  return {
    node: element('div', { class: 'card' }, facts.node),
    show({ commits, commitMs, bytesWritten, freeBytes, wear }: StoreStatus): void {
      facts.set('commits', number(commits));
      facts.set('times', `${time(commitMs.p50)} / ${time(commitMs.p99)}`);
      facts.set('written', bytes(bytesWritten));
      facts.set('free', freeBytes === null ? '–' : bytes(freeBytes));
      const { bytesPerYear, yearsLeft } = wear;
      const years = yearsLeft === null ? '–' : number(Math.min(100, yearsLeft));
      facts.set('wear', bytesPerYear === null ? '–' : `${bytes(bytesPerYear)} / ${years}`);
    },
  };
}
