#include "base/file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "base/descriptor.hpp"

namespace latchkey {

namespace {

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

// Reserves the name with an empty file, which fails where the name is taken, and then renames over it: for file systems
// that have neither hard links nor a rename that refuses to replace.
Result<void> rename_over_placeholder(const std::string& temporary, const std::string& path) {
  Descriptor placeholder(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!placeholder.is_open())
    return failure(errno == EEXIST ? ErrorCode::Conflict : ErrorCode::Unavailable, "make", path);
  if (::rename(temporary.c_str(), path.c_str()) == 0) return success();
  auto error = failure(ErrorCode::Unavailable, "make", path);
  ::unlink(path.c_str());
  return error;
}

// True where the file system does not support syncing folders (SMB and some FUSE), false where the sync itself failed.
bool cannot_sync_folders(int cause) {
  return cause == EINVAL || cause == ENOTSUP || cause == ENOSYS;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t max_size) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    return failure(errno == ENOENT || errno == ENOTDIR ? ErrorCode::NotFound : ErrorCode::Unavailable, "read", path);
  }
  // Reads straight into the returned text: the file may hold a secret, and the caller who wipes the text cannot wipe a
  // buffer on this stack.
  constexpr auto kPiece = std::size_t{16} * 1024;
  std::string content;
  for (std::size_t size = 0;;) {
    content.resize(size + kPiece);
    auto count = ::read(file.get(), content.data() + size, kPiece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(ErrorCode::Unavailable, "read", path);
    size += static_cast<std::size_t>(count);
    content.resize(size);
    if (count == 0) return content;
    if (size > max_size) {
      return Error{ErrorCode::Invalid, fmt::format("{} has more than {} bytes", path, max_size)};
    }
  }
}

Result<void> sync_folder_of(const std::string& path) {
  auto folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.is_open() && (::fsync(opened.get()) == 0 || cannot_sync_folders(errno))) return success();
  // A folder that this user may write to but not read is synced with its whole file system.
  Descriptor file(opened.is_open() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.is_open() && ::syncfs(file.get()) == 0) return success();
  return failure(ErrorCode::Unavailable, "make durable", folder.string());
}

Result<void> name_new_file(const std::string& temporary, const std::string& path) {
  if (::link(temporary.c_str(), path.c_str()) == 0) {
    ::unlink(temporary.c_str());
    return success();
  }
  bool exists = errno == EEXIST;
  if (!exists && ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
    return success();
  }
  if (!exists && errno != EEXIST) return rename_over_placeholder(temporary, path);
  errno = EEXIST;
  return failure(ErrorCode::Conflict, "make", path);
}

Result<void> write_file_durably(const std::string& path, std::string_view content, unsigned mode) {
  auto temporary = path + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file.is_open()) return failure(ErrorCode::Unavailable, "write", path);
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
    if (::mkdir(built.c_str(), mode) == 0) {
      // Without this sync, a crash loses the folder and everything written durably into it.
      LATCHKEY_TRYV(sync_folder_of(built.string()));
      continue;
    }
    if (errno != EEXIST) {
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
