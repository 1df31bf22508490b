#include "cli/data_files.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "crypto/random.hpp"
#include "envelope/record.hpp"
#include "files/atomic_file.hpp"
#include "files/file_cipher.hpp"
#include "terminal/progress_bar.hpp"

namespace latchkey::cli {

namespace {

constexpr std::string_view kSuffix = ".lk";
constexpr unsigned kOwner = S_IRUSR | S_IWUSR;
constexpr std::size_t kMostForServer = std::size_t{16} << 20;
constexpr unsigned kDefaultMode = 0600;

// Standard input, or a file.
class Input {
 public:
  static Result<Input> open(const std::string& name) {
    if (name == kStandardStream) return Input(STDIN_FILENO, kDefaultMode);
    int file = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return Error{ErrorCode::NotFound, fmt::format("cannot be opened: {}", std::strerror(errno))};
    struct stat status {};
    Input input(file, kDefaultMode);
    if (::fstat(file, &status) != 0 || S_ISDIR(status.st_mode)) {
      return Error{ErrorCode::Invalid, "is a folder: name its files, or pack it first (tar)"};
    }
    input.mode_ = status.st_mode & 0777U;
    return input;
  }
  Input(Input&& other) noexcept : file_(std::exchange(other.file_, -1)), mode_(other.mode_) {}
  Input& operator=(Input&&) = delete;
  ~Input() {
    if (file_ > STDIN_FILENO) ::close(file_);
  }
  [[nodiscard]] int descriptor() const { return file_; }
  [[nodiscard]] unsigned mode() const { return mode_; }

 private:
  Input(int file, unsigned mode) : file_(file), mode_(mode) {}
  int file_;
  unsigned mode_;
};

Result<void> write_to(int file, ByteView bytes) {
  while (!bytes.empty()) {
    auto count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{ErrorCode::Unavailable, fmt::format("cannot be written: {}", std::strerror(errno))};
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return success();
}

// `beginning` and all that follows it; at most kMostForServer.
Result<std::string> read_all(Bytes beginning, int in) {
  std::string all(as_text(beginning));
  all.resize(kMostForServer + 1);
  auto size = beginning.size();
  while (size < all.size()) {
    auto count = ::read(in, all.data() + size, all.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{ErrorCode::Unavailable, fmt::format("cannot be read: {}", std::strerror(errno))};
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > kMostForServer) {
    crypto::wipe(all);
    return Error{ErrorCode::TooLarge,
                 "is larger than the 16 MiB that the server encrypts and decrypts: leave --remote away to do it here"};
  }
  all.resize(size);
  return all;
}

}  // namespace

std::string_view verb(Direction direction) {
  return direction == Direction::Encrypt ? "encrypt" : "decrypt";
}

Result<library::LeasedKey> ApiLeaseSource::active_key() {
  return ask(library::active_key_path(workspace_id_));
}

Result<library::LeasedKey> ApiLeaseSource::key(const RawId& id) {
  return ask(library::key_path(workspace_id_, id));
}

Result<void> ApiLeaseSource::check(const RawId& id) {
  LATCHKEY_TRYV(client_.call("GET", library::lease_path(workspace_id_, id)));
  return success();
}

Result<library::LeasedKey> ApiLeaseSource::ask(const std::string& path) {
  auto asked_at = clock_.age_time();
  LATCHKEY_TRY(auto response, client_.call_raw(path, "", {}));
  return library::read_leased_key(response.body, asked_at);
}

class DataFiles::Output {
 public:
  static Result<Output> create(const std::string& name, unsigned mode, bool replace) {
    if (name == kStandardStream) return Output(std::nullopt);
    LATCHKEY_TRY(auto file, files::AtomicFile::create(name, mode, replace));
    return Output(std::move(file));
  }
  [[nodiscard]] int descriptor() const { return file_ ? file_->descriptor() : STDOUT_FILENO; }
  [[nodiscard]] bool is_private() const { return file_.has_value(); }
  [[nodiscard]] Result<void> commit() { return file_ ? file_->commit() : Result<void>(success()); }

 private:
  explicit Output(std::optional<files::AtomicFile> file) : file_(std::move(file)) {}
  std::optional<files::AtomicFile> file_;
};

Result<std::string> DataFiles::output_for(Direction direction, const std::string& file) const {
  if (!options_.output.empty()) return options_.output;
  if (file == kStandardStream) return std::string(kStandardStream);
  if (direction == Direction::Encrypt) return file + std::string(kSuffix);
  if (file.size() > kSuffix.size() && file.ends_with(kSuffix)) return file.substr(0, file.size() - kSuffix.size());
  return Error{ErrorCode::Invalid, fmt::format("does not end in {}: say where the plaintext goes with --out", kSuffix)};
}

Result<boost::json::object> DataFiles::process(Direction direction, const std::string& file) {
  LATCHKEY_TRY(auto name, output_for(direction, file));
  LATCHKEY_TRY(auto in, Input::open(file));
  // Only the owner may read the plaintext, whoever may read the ciphertext.
  auto mode = direction == Direction::Encrypt ? in.mode() : in.mode() & kOwner;
  LATCHKEY_TRY(auto out, Output::create(name, mode, options_.replace));
  auto key =
      direction == Direction::Encrypt ? encrypt(in.descriptor(), out, file) : decrypt(in.descriptor(), out, file);
  if (!key) return key.error();
  struct stat status {};
  auto has_size = out.is_private() && ::fstat(out.descriptor(), &status) == 0;
  LATCHKEY_TRYV(out.commit());
  boost::json::object done{{"file", file}, {"output", name}, {"data_key_id", key.value()}};
  if (has_size) done["bytes"] = status.st_size;
  return done;
}

Result<std::string> DataFiles::encrypt(int in, const Output& out, const std::string& file) {
  if (options_.where == Where::Server) return by_server(Direction::Encrypt, {}, in, out);
  auto leased = keys_.for_encryption();
  if (!leased) {
    bool may_not = leased.error().code == ErrorCode::PermissionDenied;
    if (may_not && options_.where == Where::Anywhere) return by_server(Direction::Encrypt, {}, in, out);
    return leased.error();
  }
  auto& key = leased.value();
  auto id = key.key->id();
  LATCHKEY_TRY(auto context, envelope::canonicalize(options_.context));
  crypto::SystemRandom random;
  LATCHKEY_TRY(auto cipher, envelope::StreamCipher::for_sealing(*key.key, key.compartment, context, random));
  std::atomic<std::uint64_t> done{0};
  terminal::ProgressBar bar("encrypting " + file, done, files::bytes_left(in));
  files::FileJob job{in, out.descriptor(), options_.threads, out.is_private(), &done, [&] { return keys_.keep(id); }};
  LATCHKEY_TRYV(files::seal_file(job, std::move(cipher)));
  return format_id(id_prefix::kDataKey, id);
}

Result<std::string> DataFiles::decrypt(int in, const Output& out, const std::string& file) {
  LATCHKEY_TRY(auto prefix, files::read_prefix(in));
  if (options_.where == Where::Server || envelope::begins_as_record(prefix)) {
    return by_server(Direction::Decrypt, std::move(prefix), in, out);
  }
  LATCHKEY_TRY(auto id, envelope::stream_data_key_id(prefix));
  LATCHKEY_TRY(auto key, keys_.for_decryption(id));
  LATCHKEY_TRY(auto context, envelope::canonicalize(options_.context));
  LATCHKEY_TRY(auto cipher, envelope::StreamCipher::for_opening(*key.key, key.compartment, context, prefix));
  std::atomic<std::uint64_t> done{0};
  terminal::ProgressBar bar("decrypting " + file, done, files::bytes_left(in));
  files::FileJob job{in, out.descriptor(), options_.threads, out.is_private(), &done, [&] { return keys_.keep(id); }};
  LATCHKEY_TRYV(files::open_file(job, std::move(cipher)));
  return format_id(id_prefix::kDataKey, id);
}

Result<std::string> DataFiles::by_server(Direction direction, Bytes beginning, int in, const Output& out) {
  LATCHKEY_TRY(auto content, read_all(std::move(beginning), in));
  http::Headers headers;
  if (!options_.context.empty()) {
    boost::json::object context;
    for (const auto& [name, value] : options_.context) context[name] = value;
    headers.set("latchkey-context", base64url_encode(as_bytes(boost::json::serialize(context))));
  }
  auto path = fmt::format("/v1/workspaces/{}/{}", percent_encode(options_.workspace_id), verb(direction));
  LATCHKEY_TRY(auto response, client_.call_raw(path, std::move(content), std::move(headers)));
  auto written = write_to(out.descriptor(), as_bytes(response.body));
  crypto::wipe(response.body);
  if (!written) return written.error();
  return std::string(response.headers.get("latchkey-data-key-id"));
}

}  // namespace latchkey::cli
