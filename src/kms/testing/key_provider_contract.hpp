// The tests that every KeyProvider must pass, as one parameterised suite (they are in key_provider_contract.cpp). A
// provider's test instantiates KeyProviderContract with a maker of its harness.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "kms/key_provider.hpp"
#include "testing/run_task.hpp"

namespace latchkey::kms::testing {

class ContractHarness {
 public:
  ContractHarness() = default;
  ContractHarness(const ContractHarness&) = delete;
  ContractHarness& operator=(const ContractHarness&) = delete;
  virtual ~ContractHarness() = default;
  virtual KeyProvider& provider() = 0;
  virtual boost::asio::io_context& context() = 0;
  [[nodiscard]] virtual Deadline soon() const = 0;  // time enough
  [[nodiscard]] virtual Deadline past() const = 0;
  [[nodiscard]] virtual KeyLocation location() const = 0;
  [[nodiscard]] virtual KeyLocation foreign_location() const = 0;  // of a kind that this provider does not serve
  // A key version that could be this provider's, and never wrapped anything.
  [[nodiscard]] virtual std::string unknown_version() const = 0;
  // Whether the provider itself refuses to unwrap under another binding.
  [[nodiscard]] virtual bool binds() const { return false; }
};

struct ContractParameter {
  std::string name;
  std::function<std::unique_ptr<ContractHarness>()> make;
};

class KeyProviderContract : public ::testing::TestWithParam<ContractParameter> {
 protected:
  void SetUp() override { harness = GetParam().make(); }
  Result<WrappedKey> wrap(const crypto::SecretBytes& secret) {
    return run_task(harness->context(), harness->provider().wrap(location(), binding, secret, harness->soon()));
  }
  Result<UnwrappedKey> unwrap(const WrappedKey& wrapped) {
    return run_task(harness->context(), harness->provider().unwrap(location(), binding, wrapped, harness->soon()));
  }
  Result<KeyDescription> describe() {
    return run_task(harness->context(), harness->provider().describe(location(), harness->soon()));
  }
  const KeyLocation& location() {
    location_ = harness->location();
    return location_;
  }
  static crypto::SecretBytes secret_of(std::size_t size) { return crypto::SecretBytes(ByteView(Bytes(size, 0x5a))); }

  std::unique_ptr<ContractHarness> harness;
  Binding binding{.organization = {{1}}, .compartment = {{2}}, .data_key = {3}};

 private:
  KeyLocation location_;
};

inline std::string contract_name(const ::testing::TestParamInfo<ContractParameter>& info) {
  return info.param.name;
}

}  // namespace latchkey::kms::testing
