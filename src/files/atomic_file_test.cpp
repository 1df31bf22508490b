#include "files/atomic_file.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "testing/matchers.hpp"
#include "testing/refused_system_call.hpp"

namespace latchkey::files {
namespace {

namespace fs = std::filesystem;
using latchkey::testing::IsError;
using ::testing::HasSubstr;

class AtomicFileTest : public ::testing::Test {
 protected:
  AtomicFileTest() {
    std::string pattern = fs::temp_directory_path() / "latchkey-atomic-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~AtomicFileTest() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name = "file") const { return folder_ + "/" + name; }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  static void write(const AtomicFile& file, std::string_view text) {
    ASSERT_EQ(::write(file.descriptor(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string folder_;
};

TEST_F(AtomicFileTest, IsThereOnceItIsWhole) {
  auto file = AtomicFile::create(path(), 0640, false);
  ASSERT_TRUE(file) << file.error().message();
  write(file.value(), "content");
  EXPECT_EQ(files(), 0U);
  ASSERT_TRUE(file.value().commit());
  EXPECT_EQ(read_file(path(), 100).value(), "content");
  struct stat status {};
  ::stat(path().c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, NothingIsLeftOfWhatWasNotFinished) {
  {
    auto file = AtomicFile::create(path(), 0600, false);
    ASSERT_TRUE(file);
    write(file.value(), "half");
  }
  EXPECT_EQ(files(), 0U);
  // A killed process leaves nothing either.
  auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto file = AtomicFile::create(path(), 0600, false);
    write(file.value(), "half");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(files(), 0U);
}

TEST_F(AtomicFileTest, ReplacesOnlyWhatItMay) {
  std::ofstream(path()) << "old";
  auto refused = AtomicFile::create(path(), 0600, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Conflict);
  EXPECT_THAT(refused.error().message(), HasSubstr("exists already: remove it, or say --force"));
  auto file = AtomicFile::create(path(), 0600, true);
  ASSERT_TRUE(file);
  write(file.value(), "new");
  EXPECT_EQ(read_file(path(), 100).value(), "old");
  ASSERT_TRUE(file.value().commit());
  EXPECT_EQ(read_file(path(), 100).value(), "new");
  EXPECT_EQ(files(), 1U);
  auto folder = AtomicFile::create(folder_, 0600, true);
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message(), HasSubstr("no regular file"));
}

TEST_F(AtomicFileTest, WhoComesFirstWins) {
  auto file = AtomicFile::create(path(), 0600, false);
  ASSERT_TRUE(file);
  std::ofstream(path()) << "theirs";
  EXPECT_THAT(file.value().commit(), IsError(ErrorCode::Conflict));
  EXPECT_EQ(read_file(path(), 100).value(), "theirs");
}

// What file systems lack, one more in each row: hard links, nameless files, renaming without replacing, modes.
const std::vector<testing::RefusedSystemCall> kNoLinks{{SYS_linkat, EPERM}, {SYS_link, EPERM}};
const testing::RefusedSystemCall kNoNamelessFiles{SYS_openat, EOPNOTSUPP, O_TMPFILE};
const testing::RefusedSystemCall kNoSafeRenaming{SYS_renameat2, EINVAL};
const testing::RefusedSystemCall kNoModes{SYS_fchmod, EPERM};

struct FileSystem {
  std::string name;
  std::vector<testing::RefusedSystemCall> lacks;
};
void PrintTo(const FileSystem& system, std::ostream* out) {
  *out << system.name;
}

class AtomicFileElsewhereTest : public AtomicFileTest, public ::testing::WithParamInterface<FileSystem> {
 protected:
  int run(const std::function<bool()>& body) const { return testing::run_refusing(GetParam().lacks, body); }
  bool commits(std::string_view text, bool replace) const {
    auto file = AtomicFile::create(path(), 0640, replace);
    return file && ::write(file.value().descriptor(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
           file.value().commit();
  }
};

TEST_P(AtomicFileElsewhereTest, IsThereWhole) {
  ASSERT_EQ(run([&] { return commits("content", false); }), 0);
  EXPECT_EQ(read_file(path(), 100).value(), "content");
  EXPECT_EQ(files(), 1U);
}

TEST_P(AtomicFileElsewhereTest, ReplacesWhereItMay) {
  std::ofstream(path()) << "old, and longer";
  ASSERT_EQ(run([&] { return commits("new", true); }), 0);
  EXPECT_EQ(read_file(path(), 100).value(), "new");
  EXPECT_EQ(files(), 1U);
}

TEST_P(AtomicFileElsewhereTest, NeverReplacesWhatCameInTheMeantime) {
  ASSERT_EQ(run([&] {
              auto file = AtomicFile::create(path(), 0600, false);
              std::ofstream(path()) << "theirs";
              return file && file.value().commit().error().code == ErrorCode::Conflict;
            }),
            0);
  EXPECT_EQ(read_file(path(), 100).value(), "theirs");
  EXPECT_EQ(files(), 1U);
}

TEST_P(AtomicFileElsewhereTest, NothingIsLeftOfWhatWasNotFinished) {
  ASSERT_EQ(run([&] { return AtomicFile::create(path(), 0600, false).has_value(); }), 0);
  EXPECT_EQ(files(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    FileSystems, AtomicFileElsewhereTest,
    ::testing::Values(FileSystem{"NoLinks", kNoLinks}, FileSystem{"NoNamelessFiles", {kNoNamelessFiles}},
                      FileSystem{"NoLinksNorNamelessFiles", {kNoLinks[0], kNoLinks[1], kNoNamelessFiles}},
                      FileSystem{"NoSafeRenamingEither", {kNoLinks[0], kNoLinks[1], kNoNamelessFiles, kNoSafeRenaming}},
                      FileSystem{"NoModesEither", {kNoLinks[0], kNoLinks[1], kNoNamelessFiles, kNoModes}}),
    [](const auto& chosen) { return chosen.param.name; });

TEST_F(AtomicFileTest, AFolderThatIsNotThereIsSaid) {
  auto file = AtomicFile::create(path("none/file"), 0600, false);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(file.error().message(), HasSubstr("none/file: cannot be written: No such file"));
}

}  // namespace
}  // namespace latchkey::files
