#include "webhooks/target.hpp"

#include <gtest/gtest.h>

namespace latchkey::webhooks {
namespace {

TEST(TargetTest, TakesPublicHttps) {
  for (const auto* url :
       {"https://example.com/hooks/secret-path?a=b", "https://example.com:8443", "https://8.8.8.8/x",
        "https://[2606:4700:4700::1111]/x", "https://localhost.example.com/", "HTTPS://EXAMPLE.com"}) {
    EXPECT_TRUE(check_target(url, {})) << url;
  }
}

TEST(TargetTest, RefusesWhatIsNotPublicWithoutRepeatingIt) {
  for (const auto* url : {"http://example.com/token",
                          "https://127.0.0.1/token",
                          "https://0x7f.1/token",
                          "https://2130706433/token",
                          "https://[::1]/token",
                          "https://[::ffff:10.0.0.1]/token",
                          "https://10.1.2.3/token",
                          "https://192.168.1.1/token",
                          "https://169.254.169.254/token",
                          "https://[fd00::1]/token",
                          "https://localhost/token",
                          "https://LOCALHOST./token",
                          "https://db.localhost/token",
                          "https://0/token",
                          "ftp://example.com/token",
                          "token",
                          "",
                          "https://user@example.com/token",
                          "https://user:token@example.com/",
                          "https://example.com/#token",
                          "https://127\u30020\u30020\u30021/token",
                          "https://\u00e9xample.com/token"}) {
    auto checked = check_target(url, {});
    ASSERT_FALSE(checked) << url;
    EXPECT_EQ(checked.error().code, ErrorCode::Invalid);
    EXPECT_TRUE(checked.error().message().starts_with("url: It ")) << checked.error().message();
    EXPECT_EQ(checked.error().message().find("token"), std::string::npos) << checked.error().message();
  }
}

TEST(TargetTest, DevelopmentMaySendToItself) {
  TargetRules rules{.allow_private = true};
  EXPECT_TRUE(check_target("http://127.0.0.1:8080/hooks", rules));
  EXPECT_TRUE(check_target("http://localhost/hooks", rules));
  EXPECT_FALSE(check_target("ftp://localhost/hooks", rules));
  EXPECT_FALSE(check_target("http://user@localhost/hooks", rules));
}

}  // namespace
}  // namespace latchkey::webhooks
