// Measures the envelope beside its peers, in one process and one run. scripts/bench reads the JSON that this prints.
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstdlib>

#include <openssl/evp.h>
#ifdef LATCHKEY_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

#include "crypto/random.hpp"
#include "envelope/record.hpp"
#include "envelope/stream.hpp"
#include "mongocrypt_peer.hpp"

namespace latchkey::bench {
namespace {

constexpr std::size_t kAadSize = 36;  // the associated data of a record without a context
constexpr std::size_t kBatch = 100;

template <class T>
void require(const T& holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "bench: %s failed\n", what);
  std::abort();
}

struct OurFixture {
  crypto::SystemRandom random;
  envelope::DataKey key = envelope::DataKey::create(RawId{}, crypto::SecretBytes::random(32, random)).value();
  Uuid compartment{};
  envelope::CanonicalContext context;
};

void record_seal(benchmark::State& state) {
  OurFixture fixture;
  Bytes plain(static_cast<std::size_t>(state.range(0)), 1);
  Bytes sealed(envelope::sealed_size(plain.size()));
  for (auto _ : state) {
    require(envelope::seal_record(fixture.key, fixture.compartment, fixture.context, ByteView(plain), fixture.random,
                                  sealed),
            "seal_record");
    benchmark::DoNotOptimize(sealed.data());
  }
}

void record_open(benchmark::State& state) {
  OurFixture fixture;
  Bytes plain(static_cast<std::size_t>(state.range(0)), 1);
  Bytes sealed(envelope::sealed_size(plain.size()));
  require(
      envelope::seal_record(fixture.key, fixture.compartment, fixture.context, ByteView(plain), fixture.random, sealed),
      "seal_record");
  for (auto _ : state) {
    require(envelope::open_record(fixture.key, fixture.compartment, fixture.context, sealed, plain), "open_record");
    benchmark::DoNotOptimize(plain.data());
  }
}

// Measures the time per record of a batch.
void record_seal_batch(benchmark::State& state) {
  OurFixture fixture;
  Bytes plain(static_cast<std::size_t>(state.range(0)), 1);
  std::vector<Bytes> sealed(kBatch, Bytes(envelope::sealed_size(plain.size())));
  ByteView view(plain);
  std::vector<envelope::RecordToSeal> records;
  for (auto& out : sealed) records.push_back({&fixture.context, std::span(&view, 1), out});
  while (state.KeepRunningBatch(kBatch)) {
    require(envelope::seal_records(fixture.key, fixture.compartment, records, fixture.random), "seal_records");
  }
}

// AES-256-GCM with a prepared key: no derivation, no commitment, and a counter as the nonce.
class OpenSslGcm {
 public:
  explicit OpenSslGcm(bool seals) : context_(EVP_CIPHER_CTX_new()) {
    require(EVP_CipherInit_ex(context_, EVP_aes_256_gcm(), nullptr, key_, nonce_, seals ? 1 : 0) == 1,
            "EVP_CipherInit");
  }
  ~OpenSslGcm() { EVP_CIPHER_CTX_free(context_); }
  OpenSslGcm(const OpenSslGcm&) = delete;
  OpenSslGcm& operator=(const OpenSslGcm&) = delete;

  void seal(const Bytes& in, Bytes& out) {
    int size = 0;
    ++nonce_[0];
    bool done = start(in, out, size) && EVP_CipherFinal_ex(context_, out.data() + size, &size) == 1 &&
                EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_GCM_GET_TAG, 16, out.data() + in.size()) == 1;
    require(done, "EVP seal");
  }
  void open(const Bytes& in, Bytes& out, std::uint8_t* tag) {
    int size = 0;
    bool done = start(in, out, size) && EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_GCM_SET_TAG, 16, tag) == 1 &&
                EVP_CipherFinal_ex(context_, out.data() + size, &size) == 1;
    require(done, "EVP open");
  }

 private:
  bool start(const Bytes& in, Bytes& out, int& size) {
    int none = 0;
    return EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, nonce_, -1) == 1 &&
           EVP_CipherUpdate(context_, nullptr, &none, aad_, kAadSize) == 1 &&
           EVP_CipherUpdate(context_, out.data(), &size, in.data(), static_cast<int>(in.size())) == 1;
  }
  EVP_CIPHER_CTX* context_;
  std::uint8_t key_[32] = {1};
  std::uint8_t nonce_[12] = {};
  std::uint8_t aad_[kAadSize] = {};
};

void openssl_seal(benchmark::State& state) {
  OpenSslGcm gcm(true);
  Bytes plain(static_cast<std::size_t>(state.range(0)), 1);
  Bytes sealed(plain.size() + 16);
  for (auto _ : state) {
    gcm.seal(plain, sealed);
    benchmark::DoNotOptimize(sealed.data());
  }
}

void openssl_open(benchmark::State& state) {
  Bytes plain(static_cast<std::size_t>(state.range(0)), 1);
  Bytes sealed(plain.size() + 16);
  std::uint8_t tag[16];
  {
    OpenSslGcm sealing(true);
    for (int i = 0; i < 256; ++i) sealing.seal(plain, sealed);  // wraps to the nonce that opening begins with
  }
  std::copy(sealed.end() - 16, sealed.end(), tag);
  sealed.resize(plain.size());
  OpenSslGcm gcm(false);
  for (auto _ : state) {
    gcm.open(sealed, plain, tag);
    benchmark::DoNotOptimize(plain.data());
  }
}

#ifdef LATCHKEY_IPSEC_MB
void ipsec_mb(benchmark::State& state, bool seals) {
  IMB_MGR* manager = alloc_mb_mgr(0);
  init_mb_mgr_auto(manager, nullptr);
  gcm_key_data key;
  gcm_context_data context;
  std::uint8_t raw[32] = {1};
  std::uint8_t nonce[12] = {};
  std::uint8_t aad[kAadSize] = {};
  std::uint8_t tag[16];
  IMB_AES256_GCM_PRE(manager, raw, &key);
  Bytes in(static_cast<std::size_t>(state.range(0)), 1);
  Bytes out(in.size());
  for (auto _ : state) {
    if (seals) {
      IMB_AES256_GCM_ENC(manager, &key, &context, out.data(), in.data(), in.size(), nonce, aad, kAadSize, tag, 16);
    } else {
      IMB_AES256_GCM_DEC(manager, &key, &context, out.data(), in.data(), in.size(), nonce, aad, kAadSize, tag, 16);
    }
    benchmark::DoNotOptimize(out.data());
  }
  free_mb_mgr(manager);
}
void ipsec_mb_seal(benchmark::State& state) {
  ipsec_mb(state, true);
}
void ipsec_mb_open(benchmark::State& state) {
  ipsec_mb(state, false);
}
#endif

void mongocrypt_seal(benchmark::State& state) {
  MongocryptPeer peer;
  auto document = MongocryptPeer::document(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(peer.encrypt(document));
}

void mongocrypt_open(benchmark::State& state) {
  MongocryptPeer peer;
  auto sealed = peer.encrypt(MongocryptPeer::document(static_cast<std::size_t>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(peer.decrypt(sealed));
}

// Reads 64 KiB at a random place of a stream of 1 GiB in memory, which stands for a file in the page cache.
void stream_range(benchmark::State& state) {
  constexpr std::uint64_t kSize = std::uint64_t{1} << 30;
  constexpr std::size_t kPart = 64 * 1024;
  OurFixture fixture;
  auto cipher = envelope::StreamCipher::for_sealing(fixture.key, fixture.compartment, fixture.context, fixture.random);
  require(cipher, "for_sealing");
  Bytes prefix = to_bytes(cipher.value().prefix());
  Bytes plain(kSize, 1);
  Bytes stream(envelope::sealed_stream_size(kSize));
  std::copy(prefix.begin(), prefix.end(), stream.begin());
  require(cipher.value().chunks().seal(0, plain, true, MutableBytes(stream).subspan(prefix.size())), "seal");
  auto opening = envelope::StreamCipher::for_opening(fixture.key, fixture.compartment, fixture.context, prefix);
  require(opening, "for_opening");
  auto reader = envelope::StreamReader::open(
      std::move(opening).value(), stream.size(), [&](std::uint64_t offset, MutableBytes out) {
        std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
        return Result<void>(success());
      });
  require(reader, "StreamReader");
  Bytes part(kPart);
  std::uint64_t place = 1;
  for (auto _ : state) {
    place = place * 6364136223846793005ULL + 1442695040888963407ULL;
    require(reader.value().read((place >> 16) % (kSize - kPart), part), "read");
    benchmark::DoNotOptimize(part.data());
  }
}

BENCHMARK(record_seal)->Arg(64)->Arg(1024)->Arg(65536);
BENCHMARK(record_open)->Arg(64)->Arg(1024)->Arg(65536);
BENCHMARK(record_seal_batch)->Arg(64)->Arg(1024);
BENCHMARK(openssl_seal)->Arg(64)->Arg(1024)->Arg(65536);
BENCHMARK(openssl_open)->Arg(64)->Arg(1024)->Arg(65536);
#ifdef LATCHKEY_IPSEC_MB
BENCHMARK(ipsec_mb_seal)->Arg(64)->Arg(1024)->Arg(65536);
BENCHMARK(ipsec_mb_open)->Arg(64)->Arg(1024)->Arg(65536);
#endif
BENCHMARK(mongocrypt_seal)->Arg(1024);
BENCHMARK(mongocrypt_open)->Arg(1024);
BENCHMARK(stream_range);

}  // namespace
}  // namespace latchkey::bench

int main(int argc, char** argv) {
  latchkey::crypto::initialize_secret_memory();
  benchmark::AddCustomContext("aead", std::string(latchkey::crypto::aead_name()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
