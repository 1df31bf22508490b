// The emulator's own certificate authority, and the certificate for the public names that it serves.
#pragma once

#include "base/random.hpp"
#include "base/result.hpp"
#include "clouds/azure/emulator/key_material.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

// Makes what is missing or expires within a month; returns true where it made anything. Dates are by the system's
// clock, whatever clock the emulator has, because clients check them by theirs. Slow: it makes RSA keys.
[[nodiscard]] Result<bool> complete_tls_material(TlsMaterial& tls, RandomSource& random, const RsaKeySource& source);

}  // namespace latchkey::clouds::azure::emulator
