#include "kms/providers.hpp"

#include <array>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/testing/key_provider_contract.hpp"
#include "testing/matchers.hpp"
#include "testing/memory_cloud.hpp"

namespace latchkey::kms::testing {
namespace {

using latchkey::testing::IsError;

class MemoryContract final : public ContractHarness {
 public:
  KeyProvider& provider() override { return providers_; }
  boost::asio::io_context& context() override { return context_; }
  [[nodiscard]] Deadline soon() const override { return Deadline::max(); }
  [[nodiscard]] Deadline past() const override { return Deadline::min(); }
  [[nodiscard]] KeyLocation location() const override { return memory_location("contoso", "cmek"); }
  [[nodiscard]] KeyLocation foreign_location() const override { return KeyLocation{}; }
  [[nodiscard]] std::string unknown_version() const override { return "version-2"; }
  [[nodiscard]] bool binds() const override { return true; }

 private:
  boost::asio::io_context context_;
  Providers providers_{nullptr, {std::make_shared<MemoryProvider>()}};
};

std::string refused(const Providers& providers, std::string_view config) {
  auto key = providers.parse(boost::json::parse(config), "provider_config");
  return key ? "" : key.error().message();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Memory, KeyProviderContract,
                         ::testing::Values(ContractParameter{"memory",
                                                             [] { return std::make_unique<MemoryContract>(); }}),
                         contract_name);

TEST(Providers, NameTheTypesOfTheContractAndTheirOwn) {
  constexpr std::array<std::string_view, 2> kOfTheContract{"aws", "gcp"};
  Providers providers(nullptr, {std::make_shared<MemoryProvider>()}, kOfTheContract);
  EXPECT_EQ(refused(providers, R"({"type":"Aws"})"), "provider_config.type: Input should be 'aws', 'gcp' or 'memory'");
  EXPECT_EQ(refused(providers, R"({"type":"aws"})"),
            "provider_config.type: 'aws' is not supported by this server yet; register a key in memory with 'memory'");
  EXPECT_EQ(refused(providers, R"({"type":"memory","service":"contoso","name":"k"})"), "");
}

TEST(Providers, ReadAStoredKeyOnce) {
  Providers providers(nullptr, {std::make_shared<MemoryProvider>()});
  auto key = memory_key("Contoso", "cmek");
  auto text = boost::json::serialize(key->to_json());
  auto back = providers.read_stored("memory", text);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(KeyLocation(back.value()), KeyLocation(key));
  EXPECT_EQ(providers.read_stored("memory", text).value(), back.value()) << "the same one";
  EXPECT_THAT(providers.read_stored("elsewhere", text), IsError(ErrorCode::Internal));
}

}  // namespace latchkey::kms::testing
