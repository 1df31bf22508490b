// Tokens from the az command that the person has signed in with: `az account get-access-token`, run without a shell.
#pragma once

#include "clouds/azure/customer/sign_in.hpp"

namespace latchkey::clouds::azure::customer {

// Runs az at once, because it knows the tenant and the subscription. Unauthenticated where az is missing or not signed
// in. `subscription` replaces the one that az has chosen; it may be empty.
[[nodiscard]] Result<std::unique_ptr<SignIn>> make_az_sign_in(const Cloud& cloud, const std::string& subscription);

}  // namespace latchkey::clouds::azure::customer
