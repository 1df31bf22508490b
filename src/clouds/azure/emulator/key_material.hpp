// Makes and reads the private keys of a vault. Slow (seconds for RSA-4096): do not call it on I/O threads.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

using SharedMaterial = std::shared_ptr<const KeyMaterial>;

// Where new RSA keys of 2048, 3072 or 4096 bits come from. Thread-safe.
using RsaKeySource = std::function<Result<crypto::RsaKey>(unsigned bits)>;

[[nodiscard]] Result<SharedMaterial> to_material(crypto::RsaKey key);
[[nodiscard]] Result<SharedMaterial> to_material(crypto::EcKey key);
// From PKCS#8 PEM. Invalid where the key is neither RSA nor on a curve that vaults have.
[[nodiscard]] Result<SharedMaterial> read_key_material(std::string_view private_pem);

// A fresh RSA-2048 key for signing tokens, its kid made from the modulus.
[[nodiscard]] Result<SigningKey> make_signing_key(const RsaKeySource& source);

}  // namespace latchkey::clouds::azure::emulator
