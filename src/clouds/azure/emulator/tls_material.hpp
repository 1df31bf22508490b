// The emulator's own certificate authority, and the certificate for the public names it answers under.
#pragma once

#include "base/random.hpp"
#include "base/result.hpp"
#include "clouds/azure/emulator/key_material.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

// Makes what is missing or runs out within a month; true where anything was made. Dates are the system's, whatever
// clock the emulator runs on: those who check them look at their own. Slow: makes RSA keys.
[[nodiscard]] Result<bool> complete_tls_material(TlsMaterial& tls, RandomSource& random, const RsaKeySource& source);

}  // namespace latchkey::clouds::azure::emulator
