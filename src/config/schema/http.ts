import { z } from 'zod';
import { hostSchema, serverFiles, type TlsConfig } from './listeners.ts';
import { mapSuchAs, wholeNumber } from './values.ts';

/** The HTTP server with the page. Without `tls` it is on loopback. */
export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  readonly tls?: Pick<TlsConfig, 'cert' | 'key'>;
}

/** The schema of `http`. */
export const httpSchema = z
  .strictObject(
    {
      host: hostSchema.prefault('127.0.0.1'),
      port: wholeNumber(0, 65535).prefault(8080).describe('TCP port; 0 uses any free one.'),
      tls: z
        .strictObject(serverFiles, mapSuchAs('{ cert: gateway.crt, key: gateway.key }'))
        .optional()
        .describe('Encrypts the connections; needed on an address that is not loopback.'),
    },
    mapSuchAs('{ host: 127.0.0.1, port: 8080 }'),
  )
  .transform((http) => http as HttpConfig);
