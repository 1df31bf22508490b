#include "dev/env_file.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace latchkey::dev {
namespace {

class EnvFileTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pattern = testing::TempDir() + "/env_file_test_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(EnvFileTest, ReadsBackWhatItWroteWhateverTheQuotes) {
  auto path = folder_ + "/dev.env";
  EnvironmentLines lines{{"PLAIN", "https://127.0.0.1:8600"}, {"QUOTED", "it's $HOME \"x\" 'y'"}, {"EMPTY", ""}};
  ASSERT_TRUE(write_env_file(path, "for development", lines));
  auto read = read_env_file(path);
  ASSERT_TRUE(read);
  for (const auto& [name, value] : lines) EXPECT_EQ(read.value().at(name), value) << name;
  EXPECT_EQ(read.value().size(), lines.size());
}

TEST_F(EnvFileTest, AShellReadsTheSame) {
  auto path = folder_ + "/dev.env";
  ASSERT_TRUE(write_env_file(path, "for development", {{"QUOTED", "it's $HOME `id` \"x\""}}));
  auto out = folder_ + "/out";
  auto command = ". " + path + " && printf %s \"$QUOTED\" > " + out;
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream file(out);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "it's $HOME `id` \"x\"");
}

TEST_F(EnvFileTest, NobodyElseMayReadIt) {
  auto path = folder_ + "/dev.env";
  ASSERT_TRUE(write_env_file(path, "for development", {{"A", "b"}}));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(EnvFileTest, AValueWithALineBreakIsRefused) {
  auto written = write_env_file(folder_ + "/dev.env", "for development", {{"A", "b\nexport PATH=/evil"}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::Invalid);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/dev.env"));
}

TEST_F(EnvFileTest, NoFileIsNoVariables) {
  auto read = read_env_file(folder_ + "/missing");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read.value().empty());
}

}  // namespace
}  // namespace latchkey::dev
