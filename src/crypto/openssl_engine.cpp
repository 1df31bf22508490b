#include <algorithm>
#include <cstdlib>
#include <limits>

#include "crypto/aes_engine.hpp"
#include "crypto/openssl_handles.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

namespace {

constexpr std::size_t kStep = std::size_t{1} << 30;  // EVP lengths are int

// Fetched once: EVP_aes_256_gcm() is looked up anew in each call (OpenSSL's crypto(7), "Performance").
using CipherPtr = std::unique_ptr<EVP_CIPHER, Deleter<EVP_CIPHER_free>>;

const EVP_CIPHER* gcm_cipher() {
  static const CipherPtr cipher(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  return cipher.get();
}
const EVP_CIPHER* block_cipher() {
  static const CipherPtr cipher(EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr));
  return cipher.get();
}

// Feeds `in` through the cipher; `out` null for associated data.
bool feed(EVP_CIPHER_CTX* context, ByteView in, std::uint8_t* out) {
  for (std::size_t done = 0; done < in.size();) {
    auto part = std::min(kStep, in.size() - done);
    int written = 0;
    auto* target = out == nullptr ? nullptr : out + done;
    if (EVP_CipherUpdate(context, target, &written, in.data() + done, static_cast<int>(part)) != 1) return false;
    done += part;
  }
  return true;
}

bool restart(EVP_CIPHER_CTX* context, const std::uint8_t* nonce) {
  return EVP_CipherInit_ex2(context, nullptr, nullptr, nonce, -1, nullptr) == 1;
}

bool finish_sealing(EVP_CIPHER_CTX* context, std::uint8_t* tag) {
  int written = 0;
  std::uint8_t none = 0;
  return EVP_CipherFinal_ex(context, &none, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, kGcmTagSize, tag) == 1;
}

class OpenSslEngine final : public AesEngine {
 public:
  [[nodiscard]] std::string_view name() const override { return "openssl"; }

  // OpenSSL expands the key by itself, so the schedule holds just the key.
  void expand(AesKeyView key, AesScheduleBytes schedule) const override {
    std::copy(key.begin(), key.end(), schedule.begin());
  }

  void encrypt_blocks(AesScheduleView schedule, ByteView in, MutableBytes out) const override {
    CipherContextPtr context(EVP_CIPHER_CTX_new());
    int written = 0;
    bool done = in.size() <= kStep && context &&
                EVP_EncryptInit_ex2(context.get(), block_cipher(), schedule.data(), nullptr, nullptr) == 1 &&
                EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
                EVP_EncryptUpdate(context.get(), out.data(), &written, in.data(), static_cast<int>(in.size())) == 1;
    if (!done) std::abort();
  }

  void prepare(AesKeyView key, std::size_t /*typical_size*/, GcmState& state) const override {
    std::copy(key.begin(), key.end(), state.key.begin());
  }

  [[nodiscard]] Result<void> seal(const GcmState& state, std::span<const GcmMessage> messages) const override {
    auto context = begin(state, true);
    for (const auto& message : messages) {
      bool sealed = context && restart(context.get(), message.nonce.data()) &&
                    feed(context.get(), message.aad, nullptr) && feed(context.get(), message.in, message.out.data()) &&
                    finish_sealing(context.get(), message.out.data() + message.in.size());
      if (!sealed) return openssl_error("AES-256-GCM");
    }
    return success();
  }

  [[nodiscard]] Result<void> seal_pieces(const GcmState& state, GcmNonceView nonce, std::span<const ByteView> plaintext,
                                         ByteView aad, MutableBytes out) const override {
    auto context = begin(state, true);
    bool fed = context && restart(context.get(), nonce.data()) && feed(context.get(), aad, nullptr);
    auto* at = out.data();
    for (auto piece : plaintext) {
      fed = fed && feed(context.get(), piece, at);
      at += piece.size();
    }
    if (!fed || !finish_sealing(context.get(), at)) return openssl_error("AES-256-GCM");
    return success();
  }

  [[nodiscard]] Result<std::size_t> open(const GcmState& state, std::span<const GcmMessage> messages) const override {
    auto context = begin(state, false);
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const auto& message = messages[i];
      // OpenSSL takes the tag before the end, and decrypting in place may overwrite the tag.
      std::array<std::uint8_t, kGcmTagSize> tag;
      std::copy(message.in.end() - kGcmTagSize, message.in.end(), tag.begin());
      bool fed = context && restart(context.get(), message.nonce.data()) && feed(context.get(), message.aad, nullptr) &&
                 feed(context.get(), message.in.first(message.out.size()), message.out.data()) &&
                 EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kGcmTagSize, tag.data()) == 1;
      int written = 0;
      std::uint8_t none = 0;
      bool fits = fed && EVP_CipherFinal_ex(context.get(), &none, &written) == 1;
      if (!fits) wipe(message.out);
      if (!fed) return openssl_error("AES-256-GCM");
      if (!fits) return i;
    }
    return messages.size();
  }

 private:
  // OpenSSL wipes the context, including its key schedule on the plain heap, when it frees it.
  static CipherContextPtr begin(const GcmState& state, bool encrypt) {
    CipherContextPtr context(EVP_CIPHER_CTX_new());
    if (!context ||
        EVP_CipherInit_ex2(context.get(), gcm_cipher(), state.key.data(), nullptr, encrypt ? 1 : 0, nullptr) != 1) {
      return nullptr;
    }
    return context;
  }
};

}  // namespace

const AesEngine& openssl_engine() {
  static const OpenSslEngine engine;
  return engine;
}

}  // namespace latchkey::crypto
