// The reasons why the server did not make a change of keys or workspaces.
#pragma once

#include "base/reason.hpp"

namespace latchkey::admin::reason {

inline constexpr ReasonEntry kExternalKeyValidationFailed{"external_key_validation_failed", ReasonClass::Other,
                                                          ErrorCode::Invalid};
inline constexpr ReasonEntry kExternalKeyValidationTimedOut{"external_key_validation_timed_out", ReasonClass::Other,
                                                            ErrorCode::Invalid};
inline constexpr ReasonEntry kExternalKeyChanged{"external_key_changed", ReasonClass::Other, ErrorCode::Conflict};
inline constexpr ReasonEntry kWorkspaceNotArchived{"workspace_not_archived", ReasonClass::Other, ErrorCode::Invalid};
inline constexpr ReasonEntry kWorkspaceNameMismatch{"workspace_name_mismatch", ReasonClass::Other, ErrorCode::Invalid};

}  // namespace latchkey::admin::reason
