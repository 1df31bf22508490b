#include "files/atomic_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace latchkey::files {

namespace {

Error unavailable(const std::string& path, std::string_view what, int cause) {
  return Error{ErrorCode::Unavailable, fmt::format("{}: {}: {}", path, what, std::strerror(cause))};
}

Error exists(const std::string& path) {
  return Error{ErrorCode::Conflict, fmt::format("{} exists already: remove it, or say --force", path)};
}

std::string folder_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> sync_folder(const std::string& path) {
  int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool synced = folder >= 0 && ::fsync(folder) == 0;
  int cause = errno;
  if (folder >= 0) ::close(folder);
  if (!synced) return unavailable(path, "its folder cannot be synced", cause);
  return success();
}

std::string temporary_pattern(const std::string& path) {
  return folder_of(path) + "/.latchkey-XXXXXX";
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path, unsigned mode, bool replace) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) return Error{ErrorCode::Conflict, path + " is there and is no regular file"};
    if (!replace) return exists(path);
  }
  std::string temporary;
  int file = ::open(folder_of(path).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    // A file system that has no files without names.
    temporary = temporary_pattern(path);
    file = ::mkostemp(temporary.data(), O_CLOEXEC);
  }
  if (file < 0) return unavailable(path, "cannot be written", errno);
  AtomicFile made(path, std::move(temporary), file, replace);
  if (::fchmod(file, mode) != 0) return unavailable(path, "its mode cannot be set", errno);
  return made;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::exchange(other.file_, -1)),
      replace_(other.replace_) {}

AtomicFile::~AtomicFile() {
  if (file_ < 0) return;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  ::close(file_);
}

Result<void> AtomicFile::name_it() {
  auto link_to = [&](const std::string& name) {
    if (!temporary_.empty()) return ::link(temporary_.c_str(), name.c_str());
    auto descriptor = fmt::format("/proc/self/fd/{}", file_);
    return ::linkat(AT_FDCWD, descriptor.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
  };
  if (link_to(path_) == 0) return success();
  if (errno != EEXIST) return unavailable(path_, "cannot be made", errno);
  if (!replace_) return exists(path_);
  // A link never replaces, a renaming does: whole under another name first.
  auto whole = temporary_pattern(path_);
  int taken = ::mkostemp(whole.data(), O_CLOEXEC);
  if (taken < 0) return unavailable(path_, "cannot be replaced", errno);
  ::close(taken);
  ::unlink(whole.c_str());
  if (link_to(whole) != 0) return unavailable(path_, "cannot be replaced", errno);
  if (::rename(whole.c_str(), path_.c_str()) != 0) {
    int cause = errno;
    ::unlink(whole.c_str());
    return unavailable(path_, "cannot be replaced", cause);
  }
  return success();
}

Result<void> AtomicFile::commit() {
  if (::fsync(file_) != 0) return unavailable(path_, "cannot be written to the disk", errno);
  LATCHKEY_TRYV(name_it());
  return sync_folder(path_);
}

}  // namespace latchkey::files
