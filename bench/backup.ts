import type { BackupWorkerInput, BackupWorkerOutput } from '../test/support/backup-worker.js';
import { startFakeS3 } from '../test/support/fake-s3.js';
import { buildWorker } from '../test/support/worker-process.js';
import type { Report } from './harness/report.js';

/** What memory a backup takes: a synthetic dump through encryption, checksum and a multipart upload. */
export const name = 'backup';

const MIB = 1024 * 1024;
const GOAL_MIB = 150;
const SIZES_MIB = { short: 300, full: 5 * 1024 } as const;

export async function run({ full }: { readonly full: boolean }): Promise<Report> {
  const sizeMiB = full ? SIZES_MIB.full : SIZES_MIB.short;
  await using s3 = await startFakeS3();
  s3.discardsParts = true;
  const worker = await buildWorker<BackupWorkerInput, BackupWorkerOutput>('backup-worker.ts');
  try {
    const input = { to: { endpoint: s3.endpoint }, syntheticBytes: sizeMiB * MIB };
    const output = await worker.start(input).output;
    if (output === null || !('maxRss' in output)) throw new Error('the worker died');
    if (output.bytes !== s3.partBytes) throw new Error('not all of the dump arrived');
    const maxRssMiB = Math.round(output.maxRss / MIB);
    return {
      suite: name,
      data: { dumpMiB: sizeMiB, partMiB: 5, partsInFlight: 2, encrypted: true },
      versions: { node: process.versions.node },
      results: [
        {
          rssBeforeMiB: Math.round(output.rssBefore / MIB),
          maxRssMiB,
          seconds: Math.round(output.durationMs / 1_000),
          mibPerSecond: Math.round(sizeMiB / (output.durationMs / 1_000)),
        },
      ],
      ratios: [],
      gates: [
        {
          name: `memory of a backup of ${sizeMiB} MiB`,
          value: maxRssMiB,
          goal: `<= ${GOAL_MIB} MiB`,
          pass: maxRssMiB <= GOAL_MIB,
        },
      ],
    };
  } finally {
    await worker.remove();
  }
}
