import { loadPeer } from '../harness/environment.js';
import type { CacheKind } from './cache-port.js';
import { STORE, storeCache } from './store-cache.js';

/** What the peers' files export. */
interface Peers {
  readonly bentocache: CacheKind;
  readonly bentocacheUnserialized: CacheKind;
  readonly cacheable: CacheKind;
  readonly cacheManager: CacheKind;
  readonly layeredLoader: CacheKind;
}

const peer = (file: string) => loadPeer<Peers>(file);

const LOADERS = {
  [STORE]: async () => storeCache,
  bentocache: async () => (await peer('bentocache.ts')).bentocache,
  'bentocache, serialize: false': async () => (await peer('bentocache.ts')).bentocacheUnserialized,
  cacheable: async () => (await peer('cacheable.ts')).cacheable,
  'cache-manager': async () => (await peer('cache-manager.ts')).cacheManager,
  'layered-loader': async () => (await peer('layered-loader.ts')).layeredLoader,
} as const satisfies Readonly<Record<string, () => Promise<CacheKind>>>;

export type KindName = keyof typeof LOADERS;

export const ALL_KINDS = Object.keys(LOADERS) as readonly KindName[];
/** Those with a bus between processes. */
export const COHERENT_KINDS = [
  STORE,
  'bentocache',
  'cacheable',
  'layered-loader',
] as const satisfies readonly KindName[];

export function kindOf(name: KindName): Promise<CacheKind> {
  return LOADERS[name]();
}
