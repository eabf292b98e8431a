import { isIP } from 'node:net';
import { z } from 'zod';
import type { Version } from '../../mqtt/connect.ts';
import { expectation, fileSchema, mapSuchAs, text, wholeNumber } from './values.ts';

/** Paths are absolute once loaded. `clientCert` says whether a client must show a certificate that `ca` signed. */
export interface TlsConfig {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
  readonly clientCert: 'none' | 'optional' | 'required';
}

/** One listener of the broker. `anonymous` is resolved: true accepts clients without a user and without a certificate. */
export interface ListenerConfig {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'ws';
  readonly tls?: TlsConfig;
  readonly anonymous: boolean;
  /** Whether rules by client id hold for clients without a user and without a certificate; absent for false. */
  readonly trustClientIds?: boolean | undefined;
  /** Versions of MQTT by their protocol level. */
  readonly versions?: readonly Version[] | undefined;
  /** Origins of web pages that may connect, in lower case; `*` is any. */
  readonly origins?: readonly string[] | undefined;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/i;

/** Whether only programs on this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

const HOST = 'an IP address or a host name, e.g. 127.0.0.1 or 0.0.0.0';

/** Whether a text of digits, dots and colons is an address; a host name has a letter. */
function isHost(host: string): boolean {
  if (isIP(host) !== 0) return true;
  // Letters that look like digits: 127.O.0.1.
  return !host.includes(':') && !/^[\dOoIl]+(\.[\dOoIl]+)*$/.test(host);
}

/** The schema of an address to listen on. */
export const hostSchema = text(HOST, /^[A-Za-z0-9.:_-]+$/, 253, (host) =>
  host.includes('/') ? `${HOST}, without mqtt:// before it and /24 behind it` : undefined,
)
  .refine(isHost, {
    error: ({ input }) =>
      /:\d+$/.test(String(input)) ? `${HOST}; the port has its own key` : HOST,
    params: expectation,
  })
  .describe('Address to listen on; 0.0.0.0 or :: for every network interface.');
/** The keys of a TLS server's own files. */
export const serverFiles = {
  cert: fileSchema.describe(
    'Certificate chain, PEM. A relative path starts at the folder of this file.',
  ),
  key: fileSchema.describe('Private key, PEM. Other users must not be able to read it.'),
};

/** In this order in the messages. */
const VERSIONS: readonly Version[] = [3, 4, 5];

const tlsSchema = z.strictObject(
  {
    ...serverFiles,
    ca: fileSchema
      .optional()
      .describe('Certificate authority that signs the client certificates, PEM.'),
    clientCert: z
      .enum(['none', 'optional', 'required'])
      .prefault('none')
      .describe(
        'Whether clients show a certificate that `ca` signed: never, if they have one, or always.',
      ),
  },
  mapSuchAs('{ cert: gateway.crt, key: gateway.key }'),
);

/** The schema of one listener. */
export const listenerSchema = z
  .strictObject(
    {
      host: hostSchema,
      port: wholeNumber(0, 65535).describe('TCP port; 0 uses any free one.'),
      protocol: z.enum(['tcp', 'ws']).prefault('tcp').describe('MQTT over TCP or over WebSocket.'),
      tls: tlsSchema.optional().describe('Encrypts the connections.'),
      anonymous: z
        .boolean()
        .optional()
        .describe(
          'Accepts clients without a user and without a certificate. Default: true on loopback, false elsewhere.',
        ),
      trustClientIds: z
        .boolean()
        .prefault(false)
        .describe(
          'Whether rules of the access file by client id (`clients`, and `%c` under `anonymous`) hold for clients without a user and without a certificate. Any such client can claim any client id: only for networks where no client does.',
        ),
      versions: z
        .array(z.literal(VERSIONS, { error: '3 (MQTT 3.1), 4 (MQTT 3.1.1) or 5' }), {
          error: 'a list such as [3, 4, 5]',
        })
        .min(1, { error: 'at least one version' })
        .prefault([3, 4, 5])
        .describe(
          'Versions of MQTT that it accepts, by their protocol level: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5. Default: all.',
        ),
      origins: z
        .array(
          text(
            'the origin of a web page such as https://hmi.example, or *',
            /^(https?:\/\/[^/\s]+|\*)$/i,
            270,
          ).transform((origin) => origin.toLowerCase()),
          { error: 'a list such as [https://hmi.example]' },
        )
        .max(100, { error: 'at most 100 origins' })
        .optional()
        .describe(
          "Web pages of other servers that may connect over WebSocket. The gateway's own page always may.",
        ),
    },
    mapSuchAs('{ host: 127.0.0.1, port: 1883 }'),
  )
  .transform(
    ({ anonymous, ...listener }) =>
      ({ ...listener, anonymous: anonymous ?? isLoopback(listener.host) }) as ListenerConfig,
  );
