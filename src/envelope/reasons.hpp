// Why a record, a stream or a wrapped data key does not open.
#pragma once

#include "base/reason.hpp"

namespace latchkey::envelope::reason {

inline constexpr ReasonEntry kNotARecord{"not_a_record", ReasonClass::Other, ErrorCode::Invalid};
inline constexpr ReasonEntry kRecordCorrupt{"record_corrupt", ReasonClass::Other, ErrorCode::Corrupt};
inline constexpr ReasonEntry kNotAStream{"not_a_stream", ReasonClass::Other,
                                         ErrorCode::Invalid};  // no stream, or of a version that is not known
inline constexpr ReasonEntry kWrongDataKey{"wrong_data_key", ReasonClass::Other,
                                           ErrorCode::WrongKey};  // made with another data key than the one at hand
inline constexpr ReasonEntry kStreamKeyMismatch{"stream_key_mismatch", ReasonClass::Other,
                                                ErrorCode::WrongKey};  // of another compartment or context
inline constexpr ReasonEntry kStreamTruncated{"stream_truncated", ReasonClass::Other, ErrorCode::Corrupt};
inline constexpr ReasonEntry kStreamCorrupt{"stream_corrupt", ReasonClass::Other,
                                            ErrorCode::Corrupt};  // a chunk, which is named
inline constexpr ReasonEntry kStreamTooLarge{"stream_too_large", ReasonClass::Other, ErrorCode::Invalid};
inline constexpr ReasonEntry kDataKeyBinding{"data_key_binding", ReasonClass::Alarm,
                                             ErrorCode::Corrupt};  // a data key of another place, or no data key

}  // namespace latchkey::envelope::reason
