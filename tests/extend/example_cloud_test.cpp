// The third cloud keeps what every provider promises, and is limited like any.
#include "example_cloud.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/limited_key_provider.hpp"
#include "kms/providers.hpp"
#include "kms/testing/key_provider_contract.hpp"
#include "testing/scripted_client.hpp"

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

TEST(ExampleCloud, CallsToOneRegionAreCountedTogether) {
  boost::asio::io_context context;
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  ExampleService service;
  auto provider = make_example_provider(service, "north");
  auto limiter = kms::VaultLimiter::create(clock, context.get_executor(),
                                           std::make_shared<kms::testing::ClockSleeper>(clock), {.per_window = 1});
  kms::LimitedKeyProvider limited(*provider, limiter, kms::CallKind::Request, 10s);
  auto describe = [&](const std::string& region, const std::string& name) {
    return run_task(context, limited.describe(kms::KeyLocation(example_key(region, name)), clock.steady()));
  };
  EXPECT_TRUE(describe("north", "orders"));
  auto refused = describe("North", "invoices");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("no turn came in time"));
  EXPECT_TRUE(describe("south", "orders")) << "another budget";
}

}  // namespace
}  // namespace latchkey::extend
