#include "files/atomic_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/descriptor.hpp"
#include "base/file.hpp"

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
  if (file < 0) {
    // The file system has no nameless files, or forbids writing at all; the next step tells.
    temporary = temporary_pattern(path);
    file = ::mkostemp(temporary.data(), O_CLOEXEC);
  }
  if (file < 0) return unavailable(path, "cannot be written", errno);
  AtomicFile made(path, std::move(temporary), file, replace);
  // A file system without modes (FAT, some FUSE) refuses this; until here only the owner could access the file.
  static_cast<void>(::fchmod(file, mode));
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

bool AtomicFile::link_nameless_to(const std::string& name) {
  auto descriptor = fmt::format("/proc/self/fd/{}", file_);
  return ::linkat(AT_FDCWD, descriptor.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

Result<void> AtomicFile::take_temporary_name() {
  auto name = temporary_pattern(path_);
  Descriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (!named.is_open()) return unavailable(path_, "cannot be made", errno);
  temporary_ = name;
  ::unlink(name.c_str());
  if (link_nameless_to(name)) return success();
  return copy_to_temporary_name();
}

Result<void> AtomicFile::copy_to_temporary_name() {
  Descriptor copy(::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  struct stat status {};
  bool copied = copy.is_open() && ::fstat(file_, &status) == 0;
  for (off_t done = 0; copied && done < status.st_size;) {
    copied = ::sendfile(copy.get(), file_, &done, static_cast<std::size_t>(status.st_size - done)) > 0;
  }
  if (!copied) return unavailable(path_, "cannot be made", errno);
  static_cast<void>(::fchmod(copy.get(), status.st_mode & 07777U));
  if (::fsync(copy.get()) != 0) return unavailable(path_, "cannot be written to the disk", errno);
  return success();
}

Result<void> AtomicFile::name_it() {
  if (temporary_.empty()) {
    if (link_nameless_to(path_)) return success();
    if (errno == EEXIST && !replace_) return exists(path_);
    // A file is to be replaced, which a link never does; or there are no links.
    LATCHKEY_TRYV(take_temporary_name());
  }
  if (!replace_) {
    auto named = name_new_file(temporary_, path_);
    if (named) temporary_.clear();
    return !named && named.error().code == ErrorCode::Conflict ? exists(path_) : named;
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return unavailable(path_, "cannot be replaced", errno);
  temporary_.clear();
  return success();
}

Result<void> AtomicFile::commit() {
  if (::fsync(file_) != 0) return unavailable(path_, "cannot be written to the disk", errno);
  LATCHKEY_TRYV(name_it());
  return sync_folder_of(path_);
}

}  // namespace latchkey::files
