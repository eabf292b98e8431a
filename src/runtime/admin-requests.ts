import type { Store } from '../store/store.ts';
import type { Uplink } from '../uplink/uplink.ts';
import type { AdminRequest } from './admin-socket.ts';
import type { Health } from './health.ts';
import type { Reload } from './reload.ts';

export interface AdminRequestsParts {
  readonly health: Pick<Health, 'status'>;
  /** The uplinks that may have messages. */
  uplinks(): readonly Pick<Uplink, 'name' | 'purge'>[];
  readonly reload: Pick<Reload, 'run'>;
  readonly store: Pick<Store, 'acknowledgeLoss' | 'purgeRefused'>;
}

/** Answers the requests of the command line. Rejects with a sentence for an uplink that does not exist. */
export function createAdminRequests({ health, uplinks, reload, store }: AdminRequestsParts) {
  return async (request: AdminRequest): Promise<unknown> => {
    switch (request.ask) {
      case 'status':
        return health.status();
      case 'reload':
        return reload.run();
      case 'acknowledge':
        // JSON has no undefined.
        return (await store.acknowledgeLoss()) ?? null;
      case 'purgeRefused':
        await store.purgeRefused(request.uplink);
        return null;
      default: {
        const uplink = uplinks().find(({ name }) => name === request.uplink);
        if (!uplink) throw new Error(`there is no uplink "${request.uplink}"`);
        return uplink.purge();
      }
    }
  };
}
