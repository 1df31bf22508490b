// Error::reason of ciphertexts that the data plane refuses. The API shows them as details.error_code.
#pragma once

#include <string_view>

namespace latchkey::data::error_code {

inline constexpr std::string_view kCiphertextWrongKey = "ciphertext_wrong_key";
inline constexpr std::string_view kCiphertextCorrupt = "ciphertext_corrupt";
inline constexpr std::string_view kCiphertextNotRecognized = "ciphertext_not_recognized";

}  // namespace latchkey::data::error_code
