#include "base/file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace latchkey {

namespace {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

Error failure(ErrorCode code, std::string_view what, const std::string& path) {
  return Error{code, fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(errno))};
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<void> sync_folder_of(const std::string& path) {
  auto folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.valid() || ::fsync(descriptor.get()) != 0) {
    return failure(ErrorCode::Unavailable, "make durable", folder.string());
  }
  return success();
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t max_size) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return failure(errno == ENOENT || errno == ENOTDIR ? ErrorCode::NotFound : ErrorCode::Unavailable, "read", path);
  }
  std::string content;
  for (;;) {
    char buffer[16 * 1024];
    auto count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(ErrorCode::Unavailable, "read", path);
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
    if (content.size() > max_size) {
      return Error{ErrorCode::Invalid, fmt::format("{} has more than {} bytes", path, max_size)};
    }
  }
}

Result<void> write_file_durably(const std::string& path, std::string_view content, unsigned mode) {
  auto temporary = path + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file.valid()) return failure(ErrorCode::Unavailable, "write", path);
  bool written = ::fchmod(file.get(), mode) == 0 && write_all(file.get(), content) && ::fsync(file.get()) == 0 &&
                 ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!written) {
    auto error = failure(ErrorCode::Unavailable, "write", path);
    ::unlink(temporary.c_str());
    return error;
  }
  return sync_folder_of(path);
}

Result<void> make_folder(const std::string& path, unsigned mode) {
  std::filesystem::path built;
  for (const auto& part : std::filesystem::path(path)) {
    built /= part;
    if (::mkdir(built.c_str(), mode) != 0 && errno != EEXIST) {
      std::error_code ignored;
      if (std::filesystem::is_directory(built, ignored)) continue;
      return failure(ErrorCode::Unavailable, "make the folder", built.string());
    }
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    return Error{ErrorCode::Unavailable, fmt::format("{} is not a folder", path)};
  }
  return success();
}

}  // namespace latchkey
