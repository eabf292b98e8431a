/** What QEMU boots. */
export interface Image {
  readonly kernel: string;
  readonly initrd: string;
  readonly version: string;
}
export const VM_PACKAGES: Readonly<Record<string, string>>;
export function makeImage(): Image;
