import { migrate } from '../../src/migrations/index.js';

/** Brings the empty database at `url` to the state every test database starts from. */
export async function migrateTemplate(url: string): Promise<void> {
  (await migrate({ url })).match(
    () => undefined,
    (error) => {
      throw error;
    },
  );
}
