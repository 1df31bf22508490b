#include "library/http_lease_source.hpp"

#include <cstdlib>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "testing/canned_server.hpp"
#include "testing/matchers.hpp"

namespace latchkey::library {
namespace {

using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;

const std::string kApiKey = "sk-ant-api01-a-key-that-must-not-be-told";

std::string lease_body() {
  return R"({"plaintext_key":")" + base64_encode(Bytes(32, 9)) + R"(","data_key_id":")" +
         format_id(id_prefix::kDataKey, RawId{}) +
         R"(","external_key_id":null,"compartment_id":"11111111-2222-4333-8444-555555555555","expires_at":"2027-01-31T00:00:00Z",)"
         R"("expires_in":60})";
}

std::string response(unsigned status, const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 " + std::to_string(status) +
         " Said\r\ncontent-type: application/json\r\ncontent-length: " + std::to_string(body.size()) + "\r\n" + more +
         "connection: close\r\n\r\n" + body;
}

std::string error_body(const std::string& message, const std::string& code) {
  return R"({"type":"error","error":{"type":"x","message":")" + message + R"(","details":{"error_code":")" + code +
         R"("}}})";
}

class HttpLeaseSourceTest : public ::testing::Test {
 protected:
  ~HttpLeaseSourceTest() override {
    context_.stop();
    thread_.join();
  }
  Result<LeasedKey> ask(std::string bytes) {
    servers_.push_back(std::make_unique<http::testing::CannedServer>(context_, std::move(bytes)));
    return ask_at(servers_.back()->url());
  }
  Result<void> check(std::string bytes) {
    servers_.push_back(std::make_unique<http::testing::CannedServer>(context_, std::move(bytes)));
    HttpLeaseSource source(connect(servers_.back()->url(), kApiKey, "").value(), clock_, "wrkspc_01");
    return source.check(RawId{});
  }
  Result<LeasedKey> ask_at(const std::string& url) {
    auto server = connect(url, kApiKey, "");
    EXPECT_TRUE(server);
    HttpLeaseSource source(server.value(), clock_, "wrkspc_01");
    return source.active_key();
  }

 private:
  SystemClock clock_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::vector<std::unique_ptr<http::testing::CannedServer>> servers_;
  std::thread thread_{[this] { context_.run(); }};
};

TEST_F(HttpLeaseSourceTest, ALeaseIsRead) {
  auto leased = ask(response(200, lease_body()));
  ASSERT_TRUE(leased) << leased.error().message();
  EXPECT_EQ(to_bytes(leased.value().key->material()), Bytes(32, 9));
}

TEST_F(HttpLeaseSourceTest, ALeaseIsChecked) {
  EXPECT_TRUE(check(response(200, R"({"type":"data_key_lease"})")));
  EXPECT_THAT(check(response(404, error_body("no", "x"))), IsError(ErrorCode::NotFound));
  EXPECT_THAT(check(response(400, error_body("no", "cmek_key_disabled"))), IsErrorFor("cmek_key_disabled"));
  EXPECT_THAT(check(response(503, "")), IsError(ErrorCode::Unavailable));
  EXPECT_THAT(check("not http at all\r\n\r\n"), IsError(ErrorCode::Unavailable));
}

TEST_F(HttpLeaseSourceTest, EachResponseIsTheErrorThatItMeans) {
  struct Case {
    unsigned status;
    std::string body;
    ErrorCode code;
    std::string reason;
    std::string message;
  };
  const std::string kDenied = "The customer's key is disabled.";
  for (const auto& [status, body, code, reason, message] : std::vector<Case>{
           {400, error_body(kDenied, "cmek_key_disabled"), ErrorCode::Invalid, "cmek_key_disabled", kDenied},
           {401, error_body("no", "x"), ErrorCode::Unauthenticated, "x", "no"},
           {403, error_body("no", "x"), ErrorCode::PermissionDenied, "x", "no"},
           {404, error_body("no", "x"), ErrorCode::NotFound, "x", "no"},
           {429, error_body("slow", "x"), ErrorCode::Unavailable, "x", "slow"},
           {500, "<html>a proxy</html>", ErrorCode::Unavailable, "", "the server answered 500"},
           {503, error_body("later", "cmek_key_unreachable"), ErrorCode::Unavailable, "cmek_key_unreachable", "later"},
           {529, "", ErrorCode::Unavailable, "", "the server answered 529"},
           {204, "", ErrorCode::Invalid, "", "the server answered 204"},
           {400, R"({"error":{"message":7,"details":[]}})", ErrorCode::Invalid, "", "the server answered 400"},
           {418, "{", ErrorCode::Invalid, "", "the server answered 418"}}) {
    auto leased = ask(response(status, body));
    ASSERT_FALSE(leased) << status;
    EXPECT_EQ(leased.error().code, code) << status;
    EXPECT_EQ(leased.error().reason, reason) << status;
    EXPECT_EQ(leased.error().message(), message) << status;
  }
}

TEST_F(HttpLeaseSourceTest, HearsHowLongItIsToWaitUpToAMinute) {
  struct Case {
    std::string value;
    std::optional<std::chrono::milliseconds> wait;
  };
  for (const auto& [value, wait] :
       {Case{"7", std::chrono::seconds(7)}, Case{"Sun, 06 Nov 1994 08:49:37 GMT", std::chrono::seconds(0)},
        Case{"Fri, 31 Dec 9999 23:59:59 GMT", std::chrono::minutes(1)}, Case{"soon", std::nullopt}}) {
    auto leased = ask(response(503, error_body("later", "x"), "retry-after: " + value + "\r\n"));
    ASSERT_FALSE(leased) << value;
    EXPECT_EQ(leased.error().retry_after, wait) << value;
  }
}

TEST_F(HttpLeaseSourceTest, WhatIsNoResponseIsAnOutage) {
  const std::string kCut = response(200, lease_body());
  for (const auto& bytes : {std::string("not http at all\r\n\r\n"), std::string(), kCut.substr(0, kCut.size() - 10),
                            response(200, std::string(std::size_t{65} * 1024, ' ') + lease_body())}) {
    auto leased = ask(bytes);
    ASSERT_FALSE(leased) << bytes.substr(0, 40);
    EXPECT_EQ(leased.error().code, ErrorCode::Unavailable) << leased.error().message();
    EXPECT_NE(leased.error().message().find("no Latchkey server answers at http://127.0.0.1:"), std::string::npos);
  }
  EXPECT_THAT(ask_at("http://127.0.0.1:1"), IsError(ErrorCode::Unavailable));
}

TEST_F(HttpLeaseSourceTest, ARedirectIsNotFollowed) {
  auto leased = ask(response(302, "", "location: http://127.0.0.1:1/\r\n"));
  ASSERT_FALSE(leased);
  EXPECT_EQ(leased.error().message(), "the server answered 302");
}

TEST_F(HttpLeaseSourceTest, NoMessageHoldsASecret) {
  auto damaged = lease_body();
  damaged.replace(damaged.find("data_key_id"), 11, "data_key_xx");
  for (const auto& bytes : {response(200, damaged), response(500, ""), std::string("?")}) {
    auto leased = ask(bytes);
    ASSERT_FALSE(leased);
    EXPECT_EQ(leased.error().message().find("CQkJ"), std::string::npos);
    EXPECT_EQ(leased.error().message().find(kApiKey), std::string::npos);
  }
}

TEST(Connect, AVariableThatNamesNoProxyIsSaidWithoutItsPassword) {
  ::setenv("https_proxy", "ftp://me:hidden@proxy.example", 1);
  auto made = connect("https://x", "k", "");
  ::unsetenv("https_proxy");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::Invalid);
  EXPECT_EQ(made.error().message().find("https_proxy: expected a proxy"), 0U) << made.error().message();
  EXPECT_EQ(made.error().message().find("hidden"), std::string::npos);
}

TEST(Connect, SettingsThatCannotBeUsedAreSaid) {
  EXPECT_THAT(connect("ftp://x", "k", ""), IsError(ErrorCode::Invalid));
  EXPECT_THAT(connect("keys.example.com", "k", ""), IsError(ErrorCode::Invalid));
  EXPECT_THAT(connect("https://x", "", ""), IsError(ErrorCode::Invalid));
  EXPECT_THAT(connect("https://x", "k", "/there/is/none.pem"), IsError(ErrorCode::Invalid));
  EXPECT_EQ(connect("https://x///", "k", "").value()->url(), "https://x");
}

}  // namespace
}  // namespace latchkey::library
