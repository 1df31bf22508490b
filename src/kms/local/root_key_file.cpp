#include "kms/local/root_key_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/descriptor.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "crypto/hash.hpp"

namespace latchkey::kms {

namespace {

constexpr std::size_t kRootKeySize = 32;
constexpr mode_t kOwnerAlone = S_IRUSR | S_IWUSR;
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

Error unavailable(std::string_view what, const std::string& path, int cause) {
  return Error{ErrorCode::Unavailable, fmt::format("root key file {}: {}: {}", path, what, std::strerror(cause))};
}

// Reads the file's bytes; absent where there is no file.
Result<std::optional<crypto::SecretBytes>> read_keys(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::optional<crypto::SecretBytes>();
    return unavailable("cannot be opened", path, errno);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return unavailable("cannot be looked at", path, errno);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::Invalid, fmt::format("root key file {} is no file", path)};
  if ((status.st_mode & kOthers) != 0) {
    return Error{
        ErrorCode::Invalid,
        fmt::format("root key file {} may be read or written by others (mode {:04o})", path, status.st_mode & 07777U),
        {},
        fmt::format("Close it: chmod 600 {}", path)};
  }
  // It reads one byte more than the most keys have, to notice a longer file. It does not rely on the size that the file
  // system reports, because some report none (FUSE, /proc).
  crypto::SecretBytes keys(kMostRootKeys * kRootKeySize + 1);
  std::size_t size = 0;
  while (size < keys.size()) {
    auto got = ::read(file.get(), keys.mutable_view().data() + size, keys.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unavailable("cannot be read", path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == 0 || size % kRootKeySize != 0 || size > kMostRootKeys * kRootKeySize) {
    return Error{
        ErrorCode::Invalid,
        fmt::format("root key file {} has {} bytes where each root key has {}: restore it from its backup. Without "
                    "the right file nothing that it protects can be read",
                    path, size < keys.size() ? std::to_string(size) : "more", kRootKeySize)};
  }
  keys.shrink(size);
  return std::optional(std::move(keys));
}

// Writes the whole file durably under a name of its own, then gives it its final name, which never replaces a file. So
// two servers that start at once end with the same key.
Result<void> make_root_key(const std::string& path, RandomSource& random) {
  auto key = crypto::SecretBytes::random(kRootKeySize, random);
  auto temporary = fmt::format("{}.{}", path, hex_encode(make_raw_id(random)));
  LATCHKEY_TRYV(write_file_durably(temporary, as_text(key.reveal()), kOwnerAlone));
  auto named = name_new_file(temporary, path);
  if (named) return sync_folder_of(path);
  ::unlink(temporary.c_str());
  if (named.error().code == ErrorCode::Conflict) return success();
  return Error{ErrorCode::Unavailable, fmt::format("root key file: {}", named.error().message())};
}

// Names the key without revealing anything of it, so that the server notices another file.
crypto::Sha256 key_id(const crypto::SecretBytes& key) {
  return crypto::sha256({as_bytes("latchkey-root-key-id-v1"), key.reveal()});
}

std::string version_of(const crypto::SecretBytes& key) {
  auto id = key_id(key);
  return "local:" + hex_encode(ByteView(id).first(8));
}

RootKeys split(const crypto::SecretBytes& bytes) {
  RootKeys keys;
  for (std::size_t at = 0; at < bytes.size(); at += kRootKeySize) {
    crypto::SecretBytes key(bytes.reveal().subspan(at, kRootKeySize));
    auto version = version_of(key);
    keys.push_back({std::move(version), std::move(key)});
  }
  return keys;
}

// Replaces the existing file, wholly or not at all.
Result<void> replace_keys(const std::string& path, const crypto::SecretBytes& bytes, RandomSource& random) {
  auto temporary = fmt::format("{}.{}", path, hex_encode(make_raw_id(random)));
  LATCHKEY_TRYV(write_file_durably(temporary, as_text(bytes.reveal()), kOwnerAlone));
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    auto reason = errno;
    ::unlink(temporary.c_str());
    return unavailable("cannot be replaced", path, reason);
  }
  return sync_folder_of(path);
}

Error missing_error(const std::string& path) {
  return Error{
      ErrorCode::Invalid,
      fmt::format("root key file {} is not there, and the database was written under one", path),
      {},
      "Restore it from its backup: without it nothing that it protects can be read, and a new one would not help"};
}

Result<crypto::SecretBytes> read_keys_that_must_be_there(const std::string& path) {
  LATCHKEY_TRY(auto bytes, read_keys(path));
  if (!bytes) return missing_error(path);
  return std::move(*bytes);
}

Result<store::RowSealer::Keys> seal_keys(const RootKeys& roots) {
  store::RowSealer::Keys keys;
  for (const auto& root : roots) {
    store::SealKey seal;
    // The version says which root key it is derived from.
    auto id = key_id(root.key);
    std::copy_n(id.begin(), seal.id.size(), seal.id.begin());
    LATCHKEY_TRY(seal.key, crypto::hkdf_sha512(root.key.reveal(), {}, as_bytes("latchkey-row-seal-v1"), kRootKeySize));
    keys.push_back(std::move(seal));
  }
  return keys;
}

}  // namespace

Result<RootKeys> read_root_keys(const std::string& path, RandomSource& random, IfMissing missing) {
  LATCHKEY_TRY(auto bytes, read_keys(path));
  if (!bytes && missing == IfMissing::Refuse) return missing_error(path);
  if (!bytes) {
    LATCHKEY_TRYV(make_root_key(path, random));
    LATCHKEY_TRY(bytes, read_keys(path));
    if (!bytes) return Error{ErrorCode::Unavailable, fmt::format("root key file {} vanished while it was made", path)};
  }
  return split(*bytes);
}

Result<RootKeys> add_root_key(const std::string& path, RandomSource& random) {
  LATCHKEY_TRY(auto before, read_keys_that_must_be_there(path));
  if (before.size() >= kMostRootKeys * kRootKeySize) {
    return Error{ErrorCode::Conflict,
                 fmt::format("root key file {} has {} keys, and no file has more", path, kMostRootKeys),
                 {},
                 "Drop those that nothing is under any more: latchkey root-key prune"};
  }
  auto fresh = crypto::SecretBytes::random(kRootKeySize, random);
  crypto::SecretBytes bytes(kRootKeySize + before.size());
  std::ranges::copy(fresh.reveal(), bytes.mutable_view().begin());
  std::ranges::copy(before.reveal(), bytes.mutable_view().begin() + kRootKeySize);
  LATCHKEY_TRYV(replace_keys(path, bytes, random));
  return split(bytes);
}

Result<RootKeys> keep_newest_root_key(const std::string& path, RandomSource& random) {
  LATCHKEY_TRY(auto bytes, read_keys_that_must_be_there(path));
  bytes.shrink(kRootKeySize);
  LATCHKEY_TRYV(replace_keys(path, bytes, random));
  return split(bytes);
}

RootKeyFile::Look RootKeyFile::look() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return {};
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return {status.st_ino, std::int64_t{status.st_mtim.tv_sec} * kNanoseconds + status.st_mtim.tv_nsec, status.st_size};
}

std::optional<RootKeys> RootKeyFile::read_if_replaced() {
  auto now = look();
  if (now == seen_) return std::nullopt;
  seen_ = now;
  auto bytes = read_keys_that_must_be_there(path_);
  if (bytes) return split(bytes.value());
  spdlog::error("the root keys could not be read again: {}. Those that are known serve on",
                latchkey::describe(bytes.error()));
  return std::nullopt;
}

Result<std::shared_ptr<const store::RowSealer>> make_row_sealer(const RootKeys& keys, const std::string& path) {
  LATCHKEY_TRY(auto seals, seal_keys(keys));
  auto file = std::make_shared<RootKeyFile>(path);
  auto reload = [file]() -> std::optional<store::RowSealer::Keys> {
    auto read = file->read_if_replaced();
    if (!read) return std::nullopt;
    auto changed = seal_keys(*read);
    if (changed) return std::move(changed.value());
    spdlog::error("no seals can be made under the new root keys: {}", latchkey::describe(changed.error()));
    return std::nullopt;
  };
  return std::shared_ptr<const store::RowSealer>(
      std::make_shared<store::RowSealer>(std::move(seals), std::move(reload)));
}

}  // namespace latchkey::kms
