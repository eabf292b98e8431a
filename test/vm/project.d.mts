export function addProject(base: string, target: string): void;
