// Latchkey's Admin API with the responses that a test wants.
#pragma once

#include <map>
#include <optional>

#include "clouds/azure/customer/platform.hpp"

namespace latchkey::clouds::azure::customer::testing {

class FakePlatform final : public Platform {
 public:
  Result<std::vector<RegisteredKey>> keys() override {
    if (fault) return *fault;
    return registered;
  }
  Result<RegisteredKey> add_key(const std::string&, const RegisteredKey& key) override {
    if (fault) return *fault;
    registered.push_back(key);
    registered.back().id = "ekey_new";
    return registered.back();
  }
  Result<RegisteredKey> change_key(const RegisteredKey& key) override {
    changed.push_back(key.id);
    return key;
  }
  // The outcomes in order, of which the last one repeats; success where there are none.
  Result<Validation> validate(const std::string& id) override {
    validated.push_back(id);
    if (outcomes.empty()) return Validation{true, ""};
    auto next = outcomes.front();
    if (outcomes.size() > 1) outcomes.erase(outcomes.begin());
    return next;
  }
  Result<std::string> key_of_workspace(const std::string& workspace) override {
    if (!workspaces.contains(workspace)) return Error{ErrorCode::NotFound, "no such workspace"};
    return workspaces[workspace];
  }
  Result<void> attach(const std::string& workspace, const std::string& id) override {
    workspaces[workspace] = id;
    return success();
  }

  std::optional<Error> fault;
  std::vector<RegisteredKey> registered;
  std::vector<Validation> outcomes;
  std::vector<std::string> validated;
  std::vector<std::string> changed;
  std::map<std::string, std::string> workspaces;
};

}  // namespace latchkey::clouds::azure::customer::testing
