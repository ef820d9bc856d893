/**
 * Hook: puts pg-boss's own schema into the template database, so that no test has to install it.
 * To be filled in by calling the function of src/jobs/ that does it.
 */
export async function installQueueSchema(_url: string): Promise<void> {}
