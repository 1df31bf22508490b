// Making and reading the private keys of a vault. Slow (seconds for RSA-4096): not for I/O threads.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "emulator/azure/model.hpp"

namespace latchkey::emulator::azure {

using SharedMaterial = std::shared_ptr<const KeyMaterial>;

[[nodiscard]] Result<SharedMaterial> make_rsa_material(unsigned bits);
[[nodiscard]] Result<SharedMaterial> make_p256_material();
// From PKCS#8 PEM. Invalid where it is neither RSA nor P-256.
[[nodiscard]] Result<SharedMaterial> read_key_material(std::string_view private_pem);

// A fresh RSA-2048 key for signing tokens, its kid made from the modulus.
[[nodiscard]] Result<SigningKey> make_signing_key();

}  // namespace latchkey::emulator::azure
