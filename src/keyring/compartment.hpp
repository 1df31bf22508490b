// What the keyring needs to know of a workspace: what the store says of it, with the location of its key.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/id.hpp"
#include "keyring/footprint.hpp"
#include "kms/key_provider.hpp"

namespace latchkey::keyring {

// How long an unwrapped data key serves: up to `soft` as it is, and up to `hard` where nobody can ask the customer's
// key. Where the two are equal, nothing bridges an outage. `hard` is not below `soft`.
struct LeaseAges {
  std::chrono::milliseconds soft{60'000};
  std::chrono::milliseconds hard{3'600'000};
  bool operator==(const LeaseAges&) const = default;
};

struct Compartment {
  Uuid organization;
  Uuid id;
  std::string workspace_id;
  std::optional<std::string> external_key_id;    // absent: the platform's root key
  std::optional<LeaseAges> ages = std::nullopt;  // absent: the keyring's own
  Footprint footprint = {};
  kms::KeyLocation key;
};

}  // namespace latchkey::keyring
