import mqtt from 'mqtt';

/** An uplink's JSON under $SYS/cellgate/uplink. */
export type UplinkJson = Readonly<Record<string, unknown>> & {
  readonly state: string;
  readonly reason: string | null;
  readonly queued: number;
};

/** Resolves with an uplink's status once the condition holds for it. */
export async function statusWhen(
  port: number,
  condition: (status: UplinkJson) => boolean,
  withinMs = 15_000,
  name = 'plant',
): Promise<UplinkJson> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  let latest: UplinkJson | undefined;
  try {
    return await new Promise<UplinkJson>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`after ${withinMs} ms: ${JSON.stringify(latest)}`));
      }, withinMs);
      client.on('message', (_topic, payload) => {
        latest = JSON.parse(payload.toString()) as UplinkJson;
        if (!condition(latest)) return;
        clearTimeout(timer);
        resolve(latest);
      });
      client.subscribe(`$SYS/cellgate/uplink/${name}`);
    });
  } finally {
    await client.endAsync(true);
  }
}
