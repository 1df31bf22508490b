#include "clouds/azure/emulator/state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "clouds/azure/emulator/emulator.hpp"
#include "clouds/azure/emulator/model_json.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

constexpr std::size_t kMaxFile = std::size_t{256} * 1024 * 1024;
constexpr std::size_t kMaxDepth = 128;
constexpr unsigned kOwnerOnly = 0600;
constexpr unsigned kFolderMode = 0700;

Result<int> lock_folder(const std::string& folder) {
  auto path = folder + "/azure-state.lock";
  int lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly);
  if (lock < 0) return Error{ErrorCode::Unavailable, fmt::format("cannot make {}", path)};
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return Error{ErrorCode::Conflict,
                 fmt::format("another process runs an emulator on {}; stop it or use another folder", folder)};
  }
  return lock;
}

std::string state_file(const std::string& folder) {
  return folder + "/azure-state.json";
}

Result<Model> parse_state(std::string_view text) {
  // The file nests what strangers sent deeper than their requests did.
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code failed;
  auto parsed = boost::json::parse(text, failed, {}, options);
  if (failed || !parsed.is_object()) return Error{ErrorCode::Invalid, "it is not a JSON object"};
  return model_from_json(parsed.get_object());
}

Error damaged(const Error& cause, const std::string& path) {
  return caused_by(
      cause, ErrorCode::Invalid,
      fmt::format("the emulator's state in {} cannot be read; restore it, or remove it to begin anew", path));
}

Result<Model> load(const std::string& path, bool& is_new) {
  auto text = read_file(path, kMaxFile);
  if (!text) {
    if (text.error().code != ErrorCode::NotFound) return text.error();
    is_new = true;
    return Model{};
  }
  auto model = parse_state(text.value());
  if (!model) return damaged(model.error(), path);
  return model;
}

// Locks a folder for as long as it lives.
class Hold {
 public:
  explicit Hold(int lock) : lock_(lock) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { ::close(lock_); }

 private:
  int lock_;
};

}  // namespace

Result<std::unique_ptr<State>> State::open(const std::string& folder) {
  LATCHKEY_TRYV(make_folder(folder, kFolderMode));
  LATCHKEY_TRY(auto lock, lock_folder(folder));
  auto path = state_file(folder);
  bool is_new = false;
  auto model = load(path, is_new);
  if (!model) {
    ::close(lock);
    return model.error();
  }
  return std::unique_ptr<State>(new State(std::move(path), lock, std::move(model.value()), is_new));
}

State::State(std::string path, int lock, Model model, bool is_new)
    : path_(std::move(path)), lock_(lock), is_new_(is_new), current_(std::make_shared<const Model>(std::move(model))) {}

State::~State() {
  ::close(lock_);
}

Snapshot State::read() const {
  MutexLock lock(mutex_);
  return current_;
}

std::optional<Error> State::commit(const std::function<bool(Model&)>& edit) {
  MutexLock writing(writing_);
  auto next = std::make_shared<Model>(*read());
  if (!edit(*next)) return std::nullopt;
  auto written = write_file_durably(path_, boost::json::serialize(to_json(*next)), kOwnerOnly);
  if (!written) return written.error();
  MutexLock lock(mutex_);
  current_ = std::move(next);
  return std::nullopt;
}

Result<void> export_state(const std::string& folder, const std::string& file) {
  auto path = state_file(folder);
  // The file is replaced as a whole, so it may be copied at any time.
  auto text = read_file(path, kMaxFile);
  if (!text) {
    return caused_by(text.error(), text.error().code,
                     fmt::format("there is no emulator's state to export in {}; say where with --data-dir", folder));
  }
  if (auto model = parse_state(text.value()); !model) return damaged(model.error(), path);
  return write_file_durably(file, text.value(), kOwnerOnly);
}

Result<void> import_state(const std::string& folder, const std::string& file) {
  LATCHKEY_TRY(auto text, read_file(file, kMaxFile));
  if (auto model = parse_state(text); !model) {
    return caused_by(
        model.error(), ErrorCode::Invalid,
        fmt::format("{} is not an emulator's state, so nothing was imported; make one with --export", file));
  }
  LATCHKEY_TRYV(make_folder(folder, kFolderMode));
  LATCHKEY_TRY(auto lock, lock_folder(folder));
  Hold hold(lock);
  auto path = state_file(folder);
  auto present = read_file(path, kMaxFile);
  if (present || present.error().code != ErrorCode::NotFound) {
    return Error{ErrorCode::Conflict,
                 fmt::format("{} has a state already; import into another folder with --data-dir", folder)};
  }
  return write_file_durably(path, text, kOwnerOnly);
}

}  // namespace latchkey::clouds::azure::emulator
