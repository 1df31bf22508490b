// The service wipes the secret bodies of requests, whatever becomes of a request. This program frees memory here, so
// that the test sees what a body's memory holds at its end.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>

#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"
#include "api/api_service.hpp"

namespace {

constexpr std::size_t kBodySize = 64;
std::atomic<void*> watched{nullptr};
std::atomic<bool> was_wiped{false};

void free_and_look(void* memory) noexcept {
  if (memory != nullptr && watched.load() == memory) {
    const auto* bytes = static_cast<const char*>(memory);
    was_wiped = std::all_of(bytes, bytes + kBodySize, [](char byte) { return byte == 0; });
    watched = nullptr;
  }
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
  if (auto* memory = std::malloc(std::max<std::size_t>(size, 1))) return memory;
  throw std::bad_alloc();
}
// The sanitizers bring one of their own, whose memory is not for std::free.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(std::max<std::size_t>(size, 1));
}
void operator delete(void* memory) noexcept {
  free_and_look(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  free_and_look(memory);
}

namespace latchkey::api {
namespace {

enum class HandlerEnd { Response, Error, Exception };

struct SecretBodyTest : ::testing::Test {
  admin::testing::AdminFixture fixture;
  metrics::ServerMetrics metrics{{}};
  HandlerEnd end = HandlerEnd::Response;
  data::Compartments compartments{fixture.store(), fixture.clouds, fixture.clock};
  ApiService service{{.credentials = *fixture.credentials,
                      .compartments = compartments,
                      .clock = fixture.clock,
                      .random = fixture.random,
                      .metrics = metrics,
                      .metrics_token = nullptr},
                     {{endpoint("/secret", true), endpoint("/open", false)}},
                     {}};

  Endpoint endpoint(std::string pattern, bool is_secret) {
    return {.method = "POST",
            .pattern = std::move(pattern),
            .access = Access::Admin,
            .handler = [this](Call call) { return handle(end, std::move(call)); },
            .body_limit = kBodySize,
            .secret_body = is_secret};
  }
  static Task<Result<http::Response>> handle(HandlerEnd wanted, Call call) {
    EXPECT_EQ(call.request.body, std::string(kBodySize, 's'));
    if (wanted == HandlerEnd::Exception) throw std::runtime_error("the handler failed");
    if (wanted == HandlerEnd::Error) co_return Error{ErrorCode::Invalid, "the handler refused"};
    co_return http::Response{};
  }
  // Whether the memory of the request's body was wiped before it was freed.
  bool wipes(std::string path, std::string key, std::size_t size = kBodySize) {
    auto kept = std::make_unique<http::Request>();
    auto& request = *kept;
    request.method = "POST";
    request.path = std::move(path);
    request.headers.add("x-api-key", std::move(key));
    request.client_address = boost::asio::ip::make_address("192.0.2.7");
    request.body = std::string(size, 's');
    was_wiped = false;
    watched = request.body.data();
    try {
      (void)fixture.run(service.handle(request));
    } catch (const std::runtime_error&) {
      EXPECT_EQ(end, HandlerEnd::Exception);
    }
    kept.reset();
    EXPECT_EQ(watched.load(), nullptr) << "the body is freed";
    return was_wiped;
  }
  [[nodiscard]] std::string own_key() const { return fixture.own.admin_key.secret; }
};

TEST_F(SecretBodyTest, IsWipedWhateverTheHandlerDoes) {
  for (auto each : {HandlerEnd::Response, HandlerEnd::Error, HandlerEnd::Exception}) {
    end = each;
    EXPECT_TRUE(wipes("/secret", own_key())) << static_cast<int>(each);
  }
}

TEST_F(SecretBodyTest, IsWipedWhereTheServiceRefusesTheRequest) {
  EXPECT_TRUE(wipes("/secret", own_key(), kBodySize + 1)) << "too large";
  EXPECT_TRUE(wipes("/secret", "sk-latchkey-nobodys")) << "nobody's key";
}

TEST_F(SecretBodyTest, OthersAreLeftAsTheyAre) {
  EXPECT_FALSE(wipes("/open", own_key()));
}

}  // namespace
}  // namespace latchkey::api
