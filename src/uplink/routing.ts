import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { PlantForm } from './plant-form.ts';
import type { Routes } from './routes.ts';

/** The present settings that decide which messages are sent to the plant, and how. */
export interface CurrentRouting {
  readonly config: UplinkConfig;
  readonly routes: Routes;
  /** MQTT 5 properties that the gateway adds to every message to the plant, without their length; undefined for MQTT 3.1.1. */
  readonly properties: Buffer | undefined;
  /** Undefined: messages are sent as they are queued. */
  readonly form?: PlantForm | undefined;
}
