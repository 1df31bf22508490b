// The third cloud keeps what every provider promises, and is limited like any.
#include "example_cloud.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/limited_key_provider.hpp"
#include "kms/providers.hpp"
#include "kms/retrying_transport.hpp"
#include "kms/testing/key_provider_contract.hpp"

namespace latchkey::extend {
namespace {

using namespace std::chrono_literals;
using kms::testing::run_task;

class ExampleContract final : public kms::testing::ContractHarness {
 public:
  kms::KeyProvider& provider() override { return providers_; }
  boost::asio::io_context& context() override { return context_; }
  [[nodiscard]] Deadline soon() const override { return Deadline::max(); }
  [[nodiscard]] Deadline past() const override { return Deadline::min(); }
  [[nodiscard]] kms::KeyLocation location() const override { return kms::KeyLocation(example_key("north", "orders")); }
  [[nodiscard]] kms::KeyLocation foreign_location() const override { return kms::KeyLocation{}; }
  [[nodiscard]] std::string unknown_version() const override { return "v9"; }
  [[nodiscard]] bool binds() const override { return true; }

 private:
  boost::asio::io_context context_;
  ExampleService service_;
  kms::Providers providers_{nullptr, {make_example_provider(service_, "north")}};
};

}  // namespace
}  // namespace latchkey::extend

namespace latchkey::kms::testing {

INSTANTIATE_TEST_SUITE_P(Example, KeyProviderContract,
                         ::testing::Values(ContractParameter{
                             "example", [] { return std::make_unique<extend::ExampleContract>(); }}),
                         contract_name);

}  // namespace latchkey::kms::testing

namespace latchkey::extend {
namespace {

TEST(ExampleCloud, CallsToOneRegionShareALimit) {
  boost::asio::io_context context;
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  ExampleService service;
  auto provider = make_example_provider(service, "north");
  auto limiter = kms::VaultLimiter::create(clock, context.get_executor(), kms::make_timer_sleeper(),
                                           {.per_key = 1, .per_vault = 1});
  kms::LimitedKeyProvider limited(*provider, limiter, kms::CallKind::Request, 10s);
  auto describe = [&](const std::string& region, const std::string& name) {
    return run_task(context, limited.describe(kms::KeyLocation(example_key(region, name)), clock.steady()));
  };
  EXPECT_TRUE(describe("north", "orders"));
  {
    auto scope = example_key("North", "invoices")->limit_scope();
    auto under_way = run_task(context, limiter->enter({scope.service(), "", scope.key()}, clock.steady()));
    ASSERT_TRUE(under_way);
    auto refused = describe("north", "orders");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("no turn came in time"));
    EXPECT_TRUE(describe("south", "orders")) << "another region's limit";
  }
  EXPECT_TRUE(describe("north", "orders"));
}

}  // namespace
}  // namespace latchkey::extend
