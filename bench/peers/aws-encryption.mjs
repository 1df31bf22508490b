// Microseconds for each of many calls of @aws-crypto/client-node: a raw AES keyring behind its caching materials manager, so
// that the data key is there already, as ours is. Usage: node aws-encryption.mjs SIZE SECONDS; prints JSON.
import {
  CommitmentPolicy, NodeCachingMaterialsManager, RawAesKeyringNode, RawAesWrappingSuiteIdentifier, buildClient,
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
  for (let i = 0; i < 200; ++i) await call();
  const times = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const began = performance.now();
    await call();
    times.push((performance.now() - began) * 1000);
  }
  return times.sort((one, other) => one - other);
}
const quantile = (sorted, share) => sorted[Math.floor(sorted.length * share)];
const summary = (sorted) => ({ median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75), calls: sorted.length });

const { result } = await encrypt(materials, plaintext, { encryptionContext: context, plaintextLength: size });
const seal = summary(await time(() => encrypt(materials, plaintext, { encryptionContext: context, plaintextLength: size })));
const open = summary(await time(() => decrypt(materials, result)));
console.log(JSON.stringify({ seal, open }));
