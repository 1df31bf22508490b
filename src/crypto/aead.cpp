#include "crypto/aead.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "crypto/aes_engine.hpp"

namespace latchkey::crypto {

namespace {

constexpr std::uint64_t kMaxPlaintext = (std::uint64_t{1} << 36) - 32;  // SP 800-38D section 5.2.1.1
// A key for many messages belongs to a stream, and streams have long messages.
constexpr std::size_t kManyMessagesSize = std::size_t{16} * 1024;

Error wrong_size() {
  return Error{ErrorCode::Invalid, "AES-GCM: the sizes of input and output do not fit"};
}

bool fits(std::size_t plaintext, std::size_t sealed) {
  return plaintext <= kMaxPlaintext && sealed == plaintext + kGcmTagSize;
}

const GcmState& state_of(const SecretBytes& bytes) {
  return *reinterpret_cast<const GcmState*>(bytes.reveal().data());
}
GcmState& state_of(SecretBytes& bytes) {
  return *reinterpret_cast<GcmState*>(bytes.mutable_view().data());
}

// The engine's state of a key that serves one message: one per thread, in secret memory, wiped after the message.
class MessageState {
 public:
  MessageState(AesKeyView key, std::size_t message_size) : state_(of_this_thread()) {
    aes_engine().prepare(key, message_size, state_);
  }
  MessageState(const MessageState&) = delete;
  MessageState& operator=(const MessageState&) = delete;
  ~MessageState() { wipe(state_.key); }
  [[nodiscard]] const GcmState& get() const { return state_; }

 private:
  static GcmState& of_this_thread() {
    static thread_local SecretBytes memory(sizeof(GcmState));
    return state_of(memory);
  }
  GcmState& state_;
};

GcmMessage message_of(GcmNonceView nonce, ByteView in, ByteView aad, MutableBytes out) {
  GcmMessage message{{}, in, aad, out};
  std::copy(nonce.begin(), nonce.end(), message.nonce.begin());
  return message;
}

}  // namespace

Result<void> gcm_seal(AesKeyView key, GcmNonceView nonce, ByteView plaintext, ByteView aad, MutableBytes out) {
  if (!fits(plaintext.size(), out.size())) return wrong_size();
  // Comes first because the engine reads it at once, and a read right after a write in parts stalls.
  auto message = message_of(nonce, plaintext, aad, out);
  MessageState ready(key, plaintext.size());
  return aes_engine().seal(ready.get(), {&message, 1});
}

Result<void> gcm_seal(AesKeyView key, GcmNonceView nonce, std::span<const ByteView> plaintext, ByteView aad,
                      MutableBytes out) {
  if (plaintext.size() == 1) return gcm_seal(key, nonce, plaintext[0], aad, out);
  std::size_t size = 0;
  for (auto piece : plaintext) {
    if (piece.size() > kMaxPlaintext - size) return wrong_size();
    size += piece.size();
  }
  if (!fits(size, out.size())) return wrong_size();
  MessageState ready(key, size);
  return aes_engine().seal_pieces(ready.get(), nonce, plaintext, aad, out);
}

Result<void> gcm_open(AesKeyView key, GcmNonceView nonce, ByteView sealed, ByteView aad, MutableBytes out) {
  if (!fits(out.size(), sealed.size())) return wrong_size();
  auto message = message_of(nonce, sealed, aad, out);
  MessageState ready(key, out.size());
  LATCHKEY_TRY(auto opened, aes_engine().open(ready.get(), {&message, 1}));
  if (opened == 1) return success();
  return Error{ErrorCode::Corrupt, "the authentication tag does not fit: the data or what it is bound to was changed"};
}

GcmKey::GcmKey(AesKeyView key) : state_(sizeof(GcmState)) {
  aes_engine().prepare(key, kManyMessagesSize, *new (state_.mutable_view().data()) GcmState);
}

Result<void> GcmKey::seal(std::span<const GcmMessage> messages) const {
  for (const auto& message : messages) {
    if (!fits(message.in.size(), message.out.size())) return wrong_size();
  }
  return aes_engine().seal(state_of(state_), messages);
}

Result<std::size_t> GcmKey::open(std::span<const GcmMessage> messages) const {
  for (const auto& message : messages) {
    if (!fits(message.out.size(), message.in.size())) return wrong_size();
  }
  LATCHKEY_TRY(auto opened, aes_engine().open(state_of(state_), messages));
  for (const auto& message : messages.subspan(opened)) wipe(message.out);
  return opened;
}

AesSchedule::AesSchedule(AesKeyView key) : bytes_(kAesScheduleSize) {
  aes_engine().expand(key, bytes_.mutable_view().first<kAesScheduleSize>());
}

void AesSchedule::encrypt_blocks(ByteView in, MutableBytes out) const {
  if (in.size() != out.size() || in.size() % kAesBlockSize != 0) std::abort();
  aes_engine().encrypt_blocks(bytes_.reveal().first<kAesScheduleSize>(), in, out);
}

std::string_view aead_name() {
  return aes_engine().name();
}

}  // namespace latchkey::crypto
