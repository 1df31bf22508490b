#include "base/file.hpp"

#include <cerrno>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "testing/refused_system_call.hpp"

namespace latchkey {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pattern = ::testing::TempDir() + "/file_test_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777U;
}

TEST_F(FileTest, WritesWhatItReadsBackWithTheModeAskedFor) {
  auto path = folder_ + "/secret";
  std::string content("line\n\0tail", 10);
  ASSERT_TRUE(write_file_durably(path, content, 0600));
  EXPECT_EQ(mode_of(path), 0600U);
  auto read = read_file(path, 100);
  ASSERT_TRUE(read);
  EXPECT_EQ(read.value(), content);
}

TEST_F(FileTest, ReplacingLeavesNoTemporaryFileBehind) {
  auto path = folder_ + "/file";
  ASSERT_TRUE(write_file_durably(path, "one", 0644));
  ASSERT_TRUE(write_file_durably(path, "two", 0600));
  EXPECT_EQ(read_file(path, 10).value(), "two");
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator()), 1);
}

TEST_F(FileTest, RefusalsAreToldApart) {
  auto missing = read_file(folder_ + "/missing", 10);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  ASSERT_TRUE(write_file_durably(folder_ + "/big", std::string(11, 'x'), 0600));
  auto big = read_file(folder_ + "/big", 10);
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().code, ErrorCode::Invalid);
  auto unwritable = write_file_durably(folder_ + "/no/such/folder/file", "x", 0600);
  ASSERT_FALSE(unwritable);
  EXPECT_EQ(unwritable.error().code, ErrorCode::Unavailable);
  EXPECT_NE(unwritable.error().message().find("/no/such/folder/file"), std::string::npos);
}

TEST_F(FileTest, MakesTheWholePathOnce) {
  auto path = folder_ + "/a/b/c";
  ASSERT_TRUE(make_folder(path, 0700));
  ASSERT_TRUE(make_folder(path, 0700));
  EXPECT_EQ(mode_of(path), 0700U);
  ASSERT_TRUE(write_file_durably(folder_ + "/file", "", 0600));
  EXPECT_FALSE(make_folder(folder_ + "/file", 0700));
  EXPECT_FALSE(make_folder(folder_ + "/file/below", 0700));
}

// A new folder is lost with its content if its parent was not synced: make_folder syncs the parent, and where that
// fails, it does not report the folder as made.
TEST_F(FileTest, AFolderWhoseParentIsNotSyncedIsAnError) {
  struct Case {
    int cause;
    bool succeeds;
  };
  auto parent = std::filesystem::path(folder_).filename().string();
  for (const Case& one : {Case{EIO, false}, Case{ENOSPC, false}, Case{EDQUOT, false},
                          // File systems that cannot sync folders return these.
                          Case{EINVAL, true}, Case{ENOSYS, true}}) {
    auto child = fmt::format("{}/{}", folder_, one.cause);
    auto made = [&] {
      auto folder = make_folder(child + "/below", 0700);
      if (one.succeeds) return folder.has_value();
      return !folder && folder.error().code == ErrorCode::Unavailable &&
             folder.error().message().find("cannot make durable") != std::string::npos &&
             folder.error().message().find(parent) != std::string::npos;
    };
    EXPECT_EQ(latchkey::testing::run_refusing({{SYS_fsync, one.cause}}, made), 0) << one.cause;
  }
}

TEST_F(FileTest, AFolderThatWasThereIsNotSyncedAgain) {
  ASSERT_TRUE(make_folder(folder_ + "/a/b", 0700));
  auto made = [&] { return make_folder(folder_ + "/a/b", 0700).has_value(); };
  EXPECT_EQ(latchkey::testing::run_refusing({{SYS_fsync, EIO}}, made), 0);
}

}  // namespace
}  // namespace latchkey
