// Measures @aws-crypto/client-node: microseconds for each of many calls. It uses a raw AES keyring behind the caching materials
// manager, so that the data key is cached, as in Latchkey. It measures the suite nearest to Latchkey's (AES-256-GCM,
// HKDF-SHA-512, key commitment), and the default suite, which also signs each message. Usage: node aws-encryption.mjs SIZE
// SECONDS; prints JSON.
import {
  AlgorithmSuiteIdentifier, CommitmentPolicy, NodeCachingMaterialsManager, RawAesKeyringNode, RawAesWrappingSuiteIdentifier, buildClient,
  getLocalCryptographicMaterialsCache,
} from '@aws-crypto/client-node';

const [size, seconds] = process.argv.slice(2).map(Number);
const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const keyring = new RawAesKeyringNode({
  keyName: 'bench', keyNamespace: 'latchkey', unencryptedMasterKey: new Uint8Array(32).fill(1),
  wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
});
const materials = new NodeCachingMaterialsManager({
  backingMaterials: keyring, cache: getLocalCryptographicMaterialsCache(100), maxAge: 3_600_000,
});
const plaintext = Buffer.alloc(size, 1);
const context = { purpose: 'bench' };

async function time(call) {
  const kAtOnce = 20;
  for (let i = 0; i < 2000; ++i) await call();
  const times = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const began = performance.now();
    for (let i = 0; i < kAtOnce; ++i) await call();
    times.push(((performance.now() - began) * 1000) / kAtOnce);
  }
  return times.sort((one, other) => one - other);
}
function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  return (sorted[Math.floor(at)] + sorted[Math.ceil(at)]) / 2;
}
const summary = (sorted) => ({ median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75), runs: sorted.length });

async function measure(suiteId) {
  const options = { encryptionContext: context, plaintextLength: size, ...(suiteId ? { suiteId } : {}) };
  const { result } = await encrypt(materials, plaintext, options);
  return {
    seal: summary(await time(() => encrypt(materials, plaintext, options))),
    open: summary(await time(() => decrypt(materials, result))),
  };
}
console.log(JSON.stringify({
  committing: await measure(AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY),
  signing: await measure(undefined),
}));
