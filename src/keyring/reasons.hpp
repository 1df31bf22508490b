// Why a data key cannot be used, where its customer key has not refused.
#pragma once

#include "base/reason.hpp"

namespace latchkey::keyring::reason {

inline constexpr ReasonEntry kDataKeyDestroyed{"data_key_destroyed", ReasonClass::Other,
                                               ErrorCode::Invalid};  // its workspace was shredded
inline constexpr ReasonEntry kDataKeyCorrupt{"data_key_corrupt", ReasonClass::Other,
                                             ErrorCode::Corrupt};  // what is stored is not what was stored
inline constexpr ReasonEntry kDataKeyCheck{
    "data_key_check", ReasonClass::Other,
    ErrorCode::Corrupt};  // it unwraps to another key than the one that was wrapped

}  // namespace latchkey::keyring::reason
