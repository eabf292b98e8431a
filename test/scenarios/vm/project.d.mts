export function addProject(base: string, target: string): void;
export function addFiles(target: string, root: string, names: readonly string[]): void;
