// Tokens from the az that the person is signed in with: `az account get-access-token`, run without a shell.
#pragma once

#include "clouds/azure/customer/sign_in.hpp"

namespace latchkey::clouds::azure::customer {

// Asks az at once, for it knows the tenant and the subscription. Unauthenticated where there is no az, or it is not
// signed in. `subscription`: instead of the one that az has chosen; may be empty.
[[nodiscard]] Result<std::unique_ptr<SignIn>> make_az_sign_in(const Cloud& cloud, const std::string& subscription);

}  // namespace latchkey::clouds::azure::customer
