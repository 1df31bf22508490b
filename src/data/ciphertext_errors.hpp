// The reasons of ciphertexts that the data plane refuses. The API shows them as details.error_code.
#pragma once

#include "base/reason.hpp"

namespace latchkey::data::error_code {

inline constexpr ReasonEntry kCiphertextWrongKey{"ciphertext_wrong_key", ReasonClass::Other, ErrorCode::WrongKey};
inline constexpr ReasonEntry kCiphertextCorrupt{"ciphertext_corrupt", ReasonClass::Other, ErrorCode::Corrupt};
inline constexpr ReasonEntry kCiphertextNotRecognized{"ciphertext_not_recognized", ReasonClass::Other,
                                                      ErrorCode::Invalid};

}  // namespace latchkey::data::error_code
