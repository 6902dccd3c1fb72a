export async function writeDocs(_: readonly unknown[]): Promise<void> {}
