#include "kms/local/local_key_provider.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/descriptor.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "envelope/record.hpp"
#include "kms/reason_catalogue.hpp"
#include "kms/wipe_at_exit.hpp"

namespace latchkey::kms {

namespace {

constexpr std::size_t kLongestSecret = 190;
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

// Wrapped keys are records of a compartment that no workspace can have.
const Uuid kNoCompartment{};
const envelope::CanonicalContext& wrap_context() {
  static const auto kContext = envelope::canonicalize({{"purpose", "latchkey-root-wrap-v1"}}).value();
  return kContext;
}

class LocalKeyProvider final : public KeyProvider {
 public:
  LocalKeyProvider(envelope::DataKey key, std::string version, RandomSource& random)
      : key_(std::move(key)), version_(std::move(version)), random_(random) {}

  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const crypto::SecretBytes& secret, Deadline) override {
    LATCHKEY_CO_TRYV(check(key));
    if (secret.empty() || secret.size() > kLongestSecret) {
      co_return Error{ErrorCode::Invalid,
                      fmt::format("{} bytes cannot be wrapped: 1 to {} can", secret.size(), kLongestSecret)};
    }
    WrappedKey wrapped{version_, Bytes(envelope::sealed_size(secret.size()))};
    LATCHKEY_CO_TRYV(
        envelope::seal_record(key_, kNoCompartment, wrap_context(), secret.reveal(), random_, wrapped.ciphertext));
    co_return wrapped;
  }

  Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const WrappedKey& wrapped, Deadline) override {
    LATCHKEY_CO_TRYV(check(key));
    if (wrapped.key_version != version_) {
      co_return reason_error(reason::kRootKeyMismatch, {});
    }
    auto size = wrapped.ciphertext.size();
    if (size <= envelope::kRecordOverhead || size > envelope::kRecordOverhead + kLongestSecret) {
      co_return Error{ErrorCode::Corrupt, fmt::format("a wrapped key of {} bytes is none of the root key's", size)};
    }
    crypto::SecretBytes secret(size - envelope::kRecordOverhead);
    auto opened =
        envelope::open_record(key_, kNoCompartment, wrap_context(), wrapped.ciphertext, secret.mutable_view());
    if (!opened) {
      co_return caused_by(opened.error(), ErrorCode::Corrupt,
                          "the wrapped key is damaged: the platform's root key did not make it");
    }
    co_return UnwrappedKey{std::move(secret)};
  }

  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline) override {
    LATCHKEY_CO_TRYV(check(key));
    KeyDescription description;
    description.key_version = version_;
    description.type = "oct";
    description.bits = 256;
    description.enabled = true;
    description.operations = {"wrapKey", "unwrapKey"};
    co_return description;
  }

 private:
  static Result<void> check(const KeyLocation& key) {
    if (std::holds_alternative<LocalKey>(key)) return success();
    return Error{ErrorCode::Invalid, "this is not the platform's root key"};
  }

  envelope::DataKey key_;
  std::string version_;
  RandomSource& random_;
};

Error unavailable(std::string_view what, const std::string& path, int cause) {
  return Error{ErrorCode::Unavailable, fmt::format("root key file {}: {}: {}", path, what, std::strerror(cause))};
}

// The file's key; nothing where there is no file.
Result<std::optional<crypto::SecretBytes>> read_root_key(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::optional<crypto::SecretBytes>();
    return unavailable("cannot be opened", path, errno);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return unavailable("cannot be looked at", path, errno);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::Invalid, fmt::format("root key file {} is no file", path)};
  if ((status.st_mode & kOthers) != 0) {
    return Error{ErrorCode::Invalid, fmt::format("root key file {} may be read or written by others (mode {:04o}). "
                                                 "Close it: chmod 600 {}",
                                                 path, status.st_mode & 07777U, path)};
  }
  // One byte more than a key has, so that a longer file is noticed. The size that the file system tells is not asked:
  // some tell none (FUSE, /proc).
  crypto::SecretBytes key(envelope::kDataKeySize + 1);
  std::size_t size = 0;
  while (size < key.size()) {
    auto got = ::read(file.get(), key.mutable_view().data() + size, key.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unavailable("cannot be read", path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size != envelope::kDataKeySize) {
    return Error{
        ErrorCode::Invalid,
        fmt::format("root key file {} has {} bytes where a root key has {}: restore it from its backup. Without "
                    "the right file nothing that it protects can be read",
                    path, size < key.size() ? std::to_string(size) : "more", envelope::kDataKeySize)};
  }
  key.shrink(size);
  return std::optional(std::move(key));
}

// Whole and durable under a name of its own first, then named for good, which never replaces: of two servers that start
// at once, both end with the same key.
Result<void> make_root_key(const std::string& path, RandomSource& random) {
  auto key = crypto::SecretBytes::random(envelope::kDataKeySize, random);
  auto temporary = fmt::format("{}.{}", path, hex_encode(make_raw_id(random)));
  LATCHKEY_TRYV(write_file_durably(temporary, as_text(key.reveal()), S_IRUSR | S_IWUSR));
  auto named = name_new_file(temporary, path);
  if (named) return sync_folder_of(path);
  ::unlink(temporary.c_str());
  if (named.error().code == ErrorCode::Conflict) return success();
  return Error{ErrorCode::Unavailable, fmt::format("root key file: {}", named.error().message)};
}

// Names the key without telling anything of it, so that another file is noticed as such.
std::string version_of(const crypto::SecretBytes& key) {
  auto hash = crypto::sha256({as_bytes("latchkey-root-key-id-v1"), key.reveal()});
  return "local:" + hex_encode(ByteView(hash).first(8));
}

}  // namespace

Result<std::shared_ptr<KeyProvider>> open_local_key_provider(const std::string& path, RandomSource& random) {
  LATCHKEY_TRY(auto key, read_root_key(path));
  if (!key) {
    LATCHKEY_TRYV(make_root_key(path, random));
    LATCHKEY_TRY(key, read_root_key(path));
    if (!key) return Error{ErrorCode::Unavailable, fmt::format("root key file {} vanished while it was made", path)};
  }
  auto version = version_of(*key);
  LATCHKEY_TRY(auto usable, envelope::DataKey::create(RawId{}, std::move(*key)));
  return std::shared_ptr<KeyProvider>(
      std::make_shared<LocalKeyProvider>(std::move(usable), std::move(version), random));
}

}  // namespace latchkey::kms
