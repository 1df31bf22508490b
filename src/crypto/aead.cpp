#include "crypto/aead.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "crypto/openssl_handles.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

namespace {

constexpr std::uint64_t kMaxPlaintext = (std::uint64_t{1} << 36) - 32;  // SP 800-38D section 5.2.1.1
constexpr std::size_t kStep = std::size_t{1} << 30;                     // EVP lengths are int

Error wrong_size() {
  return Error{ErrorCode::Invalid, "AES-GCM: the sizes of input and output do not fit"};
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

CipherContextPtr begin(AesKeyView key, GcmNonceView nonce, bool encrypt) {
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  if (!context ||
      EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data(), encrypt ? 1 : 0) != 1) {
    return nullptr;
  }
  return context;
}

}  // namespace

Result<void> gcm_seal(AesKeyView key, GcmNonceView nonce, ByteView plaintext, ByteView aad, MutableBytes out) {
  if (plaintext.size() > kMaxPlaintext || out.size() != plaintext.size() + kGcmTagSize) return wrong_size();
  auto context = begin(key, nonce, true);
  int written = 0;
  std::uint8_t none = 0;
  bool sealed =
      context && feed(context.get(), aad, nullptr) && feed(context.get(), plaintext, out.data()) &&
      EVP_CipherFinal_ex(context.get(), &none, &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kGcmTagSize, out.subspan(plaintext.size()).data()) == 1;
  if (!sealed) return openssl_error("AES-256-GCM");
  return success();
}

Result<void> gcm_open(AesKeyView key, GcmNonceView nonce, ByteView sealed, ByteView aad, MutableBytes out) {
  if (sealed.size() < kGcmTagSize || sealed.size() - kGcmTagSize > kMaxPlaintext ||
      out.size() != sealed.size() - kGcmTagSize) {
    return wrong_size();
  }
  auto ciphertext = sealed.first(out.size());
  std::array<std::uint8_t, kGcmTagSize> tag;
  std::copy(sealed.end() - kGcmTagSize, sealed.end(), tag.begin());
  auto context = begin(key, nonce, false);
  int written = 0;
  std::uint8_t none = 0;
  bool fed = context && feed(context.get(), aad, nullptr) && feed(context.get(), ciphertext, out.data()) &&
             EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kGcmTagSize, tag.data()) == 1;
  if (!fed) {
    wipe(out);
    return openssl_error("AES-256-GCM");
  }
  if (EVP_CipherFinal_ex(context.get(), &none, &written) != 1) {
    wipe(out);
    return Error{ErrorCode::Corrupt,
                 "the authentication tag does not fit: the data or what it is bound to was changed"};
  }
  return success();
}

void aes256_blocks(AesKeyView key, ByteView in, MutableBytes out) {
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  int written = 0;
  bool done = in.size() == out.size() && in.size() % kAesBlockSize == 0 && in.size() <= kStep && context &&
              EVP_EncryptInit_ex(context.get(), EVP_aes_256_ecb(), nullptr, key.data(), nullptr) == 1 &&
              EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
              EVP_EncryptUpdate(context.get(), out.data(), &written, in.data(), static_cast<int>(in.size())) == 1;
  if (!done) std::abort();
}

}  // namespace latchkey::crypto
