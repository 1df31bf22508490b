// The rules for a workspace's fields: defaults, bounds and what may change, as pure functions over rows.
#pragma once

#include <boost/json/array.hpp>

#include "admin/workspaces.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "store/rows.hpp"

namespace latchkey::admin {

inline constexpr std::size_t kMaxTags = 50;
inline constexpr std::size_t kMaxTagKey = 128;    // characters
inline constexpr std::size_t kMaxTagValue = 256;  // characters
inline constexpr std::size_t kMaxWorkspaceName = 255;

// A new row with the contract's defaults; the colour comes from `random`.
[[nodiscard]] store::Workspace new_workspace_row(const Uuid& organization, std::string name, const Clock& clock,
                                                 RandomSource& random);

// The new row with the fields that the request sets. Invalid where a value is out of bounds. The caller sets
// external_key_id.
[[nodiscard]] Result<store::Workspace> with_settings(store::Workspace row, const NewWorkspace& wanted);

// The row after the change. Invalid where the workspace is archived, where the default workspace would be renamed,
// where another external key is attached already, or where a value is out of bounds.
[[nodiscard]] Result<store::Workspace> with_change(const store::Workspace& row, const WorkspaceChange& change);

// updates[] of the activity platform_workspace_updated; empty where nothing changed.
[[nodiscard]] boost::json::array describe_update(const store::Workspace& before, const store::Workspace& after);

}  // namespace latchkey::admin
