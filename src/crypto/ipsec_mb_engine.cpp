// AES-256-GCM by intel-ipsec-mb (its public header intel-ipsec-mb.h), and the bare AES block by the CPU's own
// instructions: the library encrypts blocks only as jobs, which cost more than the blocks themselves.
#include "crypto/aes_engine.hpp"

#ifdef LATCHKEY_IPSEC_MB

#include <immintrin.h>
#include <intel-ipsec-mb.h>

#include <openssl/crypto.h>

namespace latchkey::crypto {

namespace {

static_assert(sizeof(gcm_key_data) <= sizeof(GcmState::key) && alignof(gcm_key_data) <= alignof(GcmState));

constexpr std::size_t kRounds = 14;
constexpr std::size_t kAtOnce = 8;  // an AES instruction takes about four cycles, and one can start every cycle

// The functions of a manager that the engine uses; none of them has state.
struct Functions {
  aes_gcm_pre_t prepare;
  aes_gcm_enc_dec_t seal;
  aes_gcm_enc_dec_t open;
  aes_gcm_init_t begin;
  aes_gcm_enc_dec_update_t seal_more;
  aes_gcm_enc_dec_finalize_t finish_sealing;
};

Functions functions_of(const IMB_MGR& manager) {
  return {manager.gcm256_pre,  manager.gcm256_enc,        manager.gcm256_dec,
          manager.gcm256_init, manager.gcm256_enc_update, manager.gcm256_enc_finalize};
}

// Preparing a key for the widest instructions takes longer than encrypting a short message; measured, it pays off from
// this size.
constexpr std::size_t kShort = 320;
enum Variant : std::uint64_t { kForLong, kForShort };

const gcm_key_data* key_of(const GcmState& state) {
  return reinterpret_cast<const gcm_key_data*>(state.key.data());
}

// The library rejects a null pointer even where it reads nothing.
const std::uint8_t* not_null(const std::uint8_t* data) {
  static constexpr std::uint8_t kNothing = 0;
  return data == nullptr ? &kNothing : data;
}
std::uint8_t* not_null(std::uint8_t* data) {
  static thread_local std::uint8_t nothing = 0;
  return data == nullptr ? &nothing : data;
}

template <std::size_t Count>
__attribute__((target("aes,sse4.1"))) void encrypt(const std::uint8_t* schedule, const std::uint8_t* in,
                                                   std::uint8_t* out) {
  const auto* keys = reinterpret_cast<const __m128i*>(schedule);
  __m128i blocks[Count];
  auto first = _mm_loadu_si128(keys);
  for (std::size_t i = 0; i < Count; ++i) {
    blocks[i] = _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in) + i), first);
  }
  for (std::size_t round = 1; round < kRounds; ++round) {
    auto key = _mm_loadu_si128(keys + round);
    for (std::size_t i = 0; i < Count; ++i) blocks[i] = _mm_aesenc_si128(blocks[i], key);
  }
  auto last = _mm_loadu_si128(keys + kRounds);
  for (std::size_t i = 0; i < Count; ++i) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out) + i, _mm_aesenclast_si128(blocks[i], last));
  }
}

class IpsecMbEngine final : public AesEngine {
 public:
  IpsecMbEngine(const IMB_MGR& best, const IMB_MGR& for_short)
      : expand_(best.keyexp_256), functions_{functions_of(best), functions_of(for_short)} {}

  [[nodiscard]] std::string_view name() const override { return "ipsec-mb"; }

  void expand(AesKeyView key, AesScheduleBytes schedule) const override {
    alignas(16) std::array<std::uint8_t, kAesScheduleSize> forward;
    alignas(16) std::array<std::uint8_t, kAesScheduleSize> backward;
    expand_(key.data(), forward.data(), backward.data());
    std::copy(forward.begin(), forward.end(), schedule.begin());
    wipe(forward);
    wipe(backward);
  }

  void encrypt_blocks(AesScheduleView schedule, ByteView in, MutableBytes out) const override {
    auto count = in.size() / kAesBlockSize;
    std::size_t done = 0;
    auto run = [&]<std::size_t Count>() {
      encrypt<Count>(schedule.data(), in.data() + done * kAesBlockSize, out.data() + done * kAesBlockSize);
      done += Count;
    };
    while (count - done >= kAtOnce) run.template operator()<kAtOnce>();
    // One message needs no batching.
    switch (count - done) {
      case 0:
        return;
      case 1:
        return run.template operator()<1>();
      case 2:
        return run.template operator()<2>();
      case 3:
        return run.template operator()<3>();
      default:
        break;
    }
    while (count - done >= 3) run.template operator()<3>();
    while (count - done > 0) run.template operator()<1>();
  }

  void prepare(AesKeyView key, std::size_t typical_size, GcmState& state) const override {
    state.variant = typical_size < kShort ? kForShort : kForLong;
    functions_[state.variant].prepare(key.data(), reinterpret_cast<gcm_key_data*>(state.key.data()));
  }

  [[nodiscard]] Result<void> seal(const GcmState& state, std::span<const GcmMessage> messages) const override {
    gcm_context_data context;
    const auto seal_one = functions_[state.variant].seal;
    for (const auto& message : messages) {
      auto* out = message.out.data();
      seal_one(key_of(state), &context, out, not_null(message.in.data()), message.in.size(), message.nonce.data(),
               not_null(message.aad.data()), message.aad.size(), out + message.in.size(), kGcmTagSize);
    }
    wipe_context(context);
    return success();
  }

  [[nodiscard]] Result<void> seal_pieces(const GcmState& state, GcmNonceView nonce, std::span<const ByteView> plaintext,
                                         ByteView aad, MutableBytes out) const override {
    const auto& functions = functions_[state.variant];
    gcm_context_data context;
    functions.begin(key_of(state), &context, nonce.data(), not_null(aad.data()), aad.size());
    auto* at = out.data();
    for (auto piece : plaintext) {
      if (piece.empty()) continue;
      functions.seal_more(key_of(state), &context, at, piece.data(), piece.size());
      at += piece.size();
    }
    functions.finish_sealing(key_of(state), &context, at, kGcmTagSize);
    wipe_context(context);
    return success();
  }

  [[nodiscard]] Result<std::size_t> open(const GcmState& state, std::span<const GcmMessage> messages) const override {
    gcm_context_data context;
    std::array<std::uint8_t, kGcmTagSize> tag;
    const auto open_one = functions_[state.variant].open;
    std::size_t opened = 0;
    for (; opened < messages.size(); ++opened) {
      const auto& message = messages[opened];
      auto size = message.out.size();
      open_one(key_of(state), &context, not_null(message.out.data()), message.in.data(), size, message.nonce.data(),
               not_null(message.aad.data()), message.aad.size(), tag.data(), tag.size());
      if (CRYPTO_memcmp(tag.data(), message.in.data() + size, tag.size()) != 0) {
        wipe(message.out);
        break;
      }
    }
    wipe_context(context);
    // A forger must not learn the tag that would have matched.
    wipe(tag);
    return opened;
  }

 private:
  // The context holds key stream.
  static void wipe_context(gcm_context_data& context) {
    wipe(MutableBytes(reinterpret_cast<std::uint8_t*>(&context), sizeof context));
  }

  keyexp_t expand_;
  std::array<Functions, 2> functions_;  // by Variant
};

struct ManagerDeleter {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using ManagerPtr = std::unique_ptr<IMB_MGR, ManagerDeleter>;

// Null where the CPU lacks the instructions, or the library does not pass its own test on it.
ManagerPtr make_manager(void (*initialize)(IMB_MGR*)) {
  ManagerPtr manager(alloc_mb_mgr(0));
  if (!manager || (manager->features & IMB_FEATURE_AESNI) == 0) return nullptr;
  initialize(manager.get());
  bool tests = (manager->features & IMB_FEATURE_SELF_TEST) != 0;
  if (tests && (manager->features & IMB_FEATURE_SELF_TEST_PASS) == 0) return nullptr;
  return imb_get_errno(manager.get()) == 0 ? std::move(manager) : nullptr;
}

std::unique_ptr<const AesEngine> make_engine() {
  auto best = make_manager([](IMB_MGR* manager) { init_mb_mgr_auto(manager, nullptr); });
  if (!best) return nullptr;
  auto for_short = (best->features & IMB_FEATURE_AVX2) != 0 ? make_manager(init_mb_mgr_avx2) : nullptr;
  return std::make_unique<IpsecMbEngine>(*best, for_short ? *for_short : *best);
}

}  // namespace

const AesEngine* ipsec_mb_engine() {
  static const auto kEngine = make_engine();
  return kEngine.get();
}

}  // namespace latchkey::crypto

#else

namespace latchkey::crypto {

const AesEngine* ipsec_mb_engine() {
  return nullptr;
}

}  // namespace latchkey::crypto

#endif
