// A customer's key that stands for a key of any cloud.
#pragma once

#include <boost/json/object.hpp>

#include "kms/key.hpp"

namespace latchkey::kms::testing {

class TestKey final : public Key {
 public:
  TestKey(std::string service, std::string name) : service_(std::move(service)), name_(std::move(name)) {}
  [[nodiscard]] std::string_view type() const override { return "test"; }
  [[nodiscard]] boost::json::object to_json() const override {
    return {{"type", "test"}, {"service", service_}, {"name", name_}};
  }
  [[nodiscard]] std::string place() const override { return service_ + " " + name_; }
  [[nodiscard]] std::optional<LimitScope> limit_scope() const override { return LimitScope{service_, name_}; }

 private:
  std::string service_;
  std::string name_;
};

[[nodiscard]] inline KeyLocation test_key(std::string service, std::string name, AskedFor asked_for = {}) {
  return KeyLocation(std::make_shared<const TestKey>(std::move(service), std::move(name)), std::move(asked_for));
}

}  // namespace latchkey::kms::testing
