#include "server/descriptor_limit.hpp"

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "base/log.hpp"

namespace latchkey::server {
namespace {

TEST(DescriptorLimitTest, KeepsSomeForTheStoreAndTheVaults) {
  struct Case {
    std::size_t descriptors, wanted, fit;
  };
  for (const auto& c : {Case{524'288, 4096, 4096}, Case{1024, 4096, 768}, Case{1024, 100, 100}, Case{8192, 8000, 7168},
                        Case{256, 10, 0}, Case{0, 10, 0}}) {
    EXPECT_EQ(connections_within(c.descriptors, c.wanted), c.fit) << c.descriptors << ", " << c.wanted;
  }
}

// The limits belong to the process, so each case runs in a process of its own.
int exit_code_under(rlim_t soft, rlim_t hard, std::size_t wanted, std::size_t fit) {
  configure_logging(LogFormat::Text, "info");
  rlimit limit{soft, hard};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  auto connections = connections_that_fit(wanted);
  if (fit == 0) return !connections && connections.error().code == ErrorCode::Invalid ? 0 : 1;
  if (!connections || connections.value() != fit) return 1;
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == hard ? 0 : 3;
}

TEST(DescriptorLimitTest, TheSoftLimitIsRaisedToTheHardOne) {
  EXPECT_EXIT(std::_Exit(exit_code_under(64, 512, 200, 200)), ::testing::ExitedWithCode(0), "");
}

TEST(DescriptorLimitTest, FewerThanWantedIsSaid) {
  EXPECT_EXIT(std::_Exit(exit_code_under(64, 512, 4096, 256)), ::testing::ExitedWithCode(0), "LimitNOFILE");
}

TEST(DescriptorLimitTest, NoRoomAtAllIsRefused) {
  EXPECT_EXIT(std::_Exit(exit_code_under(64, 260, 4096, 0)), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace latchkey::server
