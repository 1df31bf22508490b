// The credential of the platform's app, which `latchkey dev` and `latchkey emulator azure` make at their first start.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"

namespace latchkey::cli::azure {

// The public guide's, so that its commands work here as they are printed (docs/decisions/0002).
struct AppIdentity {
  std::string client_id = "8635ae1a-3e5d-44e8-a4ed-e0f614466f87";
  std::string display_name = "anthropic-cmek-client-us";
};

[[nodiscard]] std::string app_certificate_file(const std::string& data_dir);
[[nodiscard]] std::string app_private_key_file(const std::string& data_dir);

// Returns the app's certificate as PEM; makes it and its key where they do not exist. Errors: the files'; Invalid where
// the certificate and the key do not belong together.
[[nodiscard]] Result<std::string> ensure_app_credential(const std::string& data_dir, const AppIdentity& app,
                                                        const Clock& clock, RandomSource& random);

}  // namespace latchkey::cli::azure
