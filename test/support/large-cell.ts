/** A cell of the size of a real one: 60 channels in groups, some of them bad, with alarms. */
export const LARGE_CELL = {
  sensors: [
    ...Array.from({ length: 7 }, (_, number) => ({
      ...{ name: `robot${number + 1}`, driver: 'simulated', signal: 'joint-temperature' },
      filters: [{ round: 1 }],
      ...(number < 3
        ? {
            alarms: [
              {
                ...{ name: 'warm', channel: 'j1', above: -100, text: 'Joint 1 is too warm' },
                severity: ['critical', 'high', 'low'][number],
              },
            ],
          }
        : {}),
    })),
    { name: 'gripper/left', driver: 'simulated', signal: 'gripper', every: '500ms' },
    { name: 'gripper/right', driver: 'simulated', signal: 'gripper', every: '500ms' },
    ...Array.from({ length: 6 }, (_, number) => ({
      name: `doors/${['front', 'rear', 'service', 'pallet', 'roof', 'electrical-cabinet-with-a-very-long-name-left'][number]}`,
      ...{ driver: 'simulated', signal: 'door', every: '1s' },
    })),
    { name: 'cycles', driver: 'simulated', signal: 'cycles' },
    { name: 'host', driver: 'host', every: '2s' },
    ...Array.from({ length: 2 }, (_, number) => ({
      ...{ name: `coolant/tank${number + 1}`, driver: 'tmp102' },
      ...{ bus: 'i2c-77', address: 0x48 + number, every: '1s' },
    })),
  ],
  gpio: { backend: 'simulated' },
  outputs: ['stacklight/red', 'stacklight/green', 'fan', 'horn'].map((name, number) => ({
    ...{ name, driver: 'digital-output', line: `DO${number}` },
  })),
} as const;
