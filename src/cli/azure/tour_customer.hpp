// The customer of the tour in Azure, by the clients of src/clouds/azure/customer.
#pragma once

#include <memory>

#include "dev/dev_customer.hpp"

namespace latchkey::cli::azure {

// Signs in with the AZURE_* of the settings' variables, which also name the vault. Invalid where they are wrong; else
// the errors of the sign-in.
[[nodiscard]] Result<std::unique_ptr<dev::DevCustomer>> make_tour_customer(const dev::DevCustomerSettings& settings);

}  // namespace latchkey::cli::azure
