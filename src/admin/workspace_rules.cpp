#include "admin/workspace_rules.hpp"

#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "base/utf8.hpp"

namespace latchkey::admin {

namespace json = boost::json;

namespace {

constexpr std::string_view kUnrestricted = "\"unrestricted\"";

Error about(std::string_view path, std::string_view complaint) {
  return Error{ErrorCode::Invalid, fmt::format("{}: {}", path, complaint)};
}

bool is_geo(std::string_view geo) {
  return geo == "global" || geo == "us";
}

Result<void> check_name(std::string_view name) {
  LATCHKEY_TRYV(json_fields::read_text(json::value(name), "name", {1, kMaxWorkspaceName}));
  return success();
}

Result<void> check_color(std::string_view color) {
  auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
  if (color.size() == 7 && color[0] == '#' && std::all_of(color.begin() + 1, color.end(), is_hex)) return success();
  return about("display_color", "String should match pattern '^#[0-9A-Fa-f]{6}$'");
}

// The contract's JSON in its one stored form: "unrestricted", or an array of geos without repetition.
Result<std::string> read_allowed_geos(const std::string& text) {
  constexpr std::string_view kPath = "data_residency.allowed_inference_geos";
  json::error_code error;
  auto value = json::parse(text, error);
  if (!error && value.is_string() && value.get_string() == "unrestricted") return std::string(kUnrestricted);
  if (error || !value.is_array()) {
    return about(kPath, "Input should be 'unrestricted' or a list of 'global' and 'us'");
  }
  json::array geos;
  for (const auto& geo : value.get_array()) {
    if (!geo.is_string() || !is_geo(geo.get_string())) {
      return about(fmt::format("{}.{}", kPath, &geo - value.get_array().data()), "Input should be 'global' or 'us'");
    }
    if (std::find(geos.begin(), geos.end(), geo) == geos.end()) geos.push_back(geo);
  }
  if (geos.empty()) return about(kPath, "List should have at least 1 item");
  return json::serialize(geos);
}

Result<void> check_default_geo(const store::Workspace& row) {
  if (row.allowed_inference_geos == kUnrestricted) return success();
  auto allowed = json::parse(row.allowed_inference_geos).as_array();
  if (std::find(allowed.begin(), allowed.end(), json::value(row.default_inference_geo)) != allowed.end()) {
    return success();
  }
  return about("data_residency.default_inference_geo",
               fmt::format("'{}' is not in allowed_inference_geos, {}; set both together", row.default_inference_geo,
                           row.allowed_inference_geos));
}

Result<void> apply_residency(store::Workspace& row, const DataResidencyChange& change) {
  if (change.workspace_geo && *change.workspace_geo != "us") {
    return about("data_residency.workspace_geo", "Input should be 'us'");
  }
  if (change.workspace_geo) row.workspace_geo = *change.workspace_geo;
  if (change.allowed_inference_geos) {
    LATCHKEY_TRY(row.allowed_inference_geos, read_allowed_geos(*change.allowed_inference_geos));
  }
  if (change.default_inference_geo && !is_geo(*change.default_inference_geo)) {
    return about("data_residency.default_inference_geo", "Input should be 'global' or 'us'");
  }
  if (change.default_inference_geo) row.default_inference_geo = *change.default_inference_geo;
  return check_default_geo(row);
}

Result<void> check_tag(const std::string& key, const std::string& value) {
  auto path = fmt::format("tags.{}", json_fields::clean_text(key));
  if (key.empty()) return about("tags", "Keys should have at least 1 character");
  if (utf8::code_points(key) > kMaxTagKey) {
    return about(path, fmt::format("Keys should have at most {} characters", kMaxTagKey));
  }
  if (key.find('\0') != std::string::npos) return about(path, "Keys should not contain U+0000");
  for (std::string_view reserved : {"anthropic", "latchkey"}) {
    if (boost::algorithm::istarts_with(key, reserved)) {
      return about(path, fmt::format("Keys may not begin with '{}'", reserved));
    }
  }
  if (utf8::code_points(value) > kMaxTagValue) {
    return about(path, fmt::format("Values should have at most {} characters", kMaxTagValue));
  }
  return success();
}

Result<void> check_tags(const std::map<std::string, std::string>& tags) {
  if (tags.size() > kMaxTags) return about("tags", fmt::format("A workspace has at most {} tags", kMaxTags));
  for (const auto& [key, value] : tags) {
    LATCHKEY_TRYV(check_tag(key, value));
  }
  return success();
}

Result<void> check_key_change(const store::Workspace& row, const std::string& external_key_id) {
  if (!row.external_key_id || *row.external_key_id == external_key_id) return success();
  return Error{ErrorCode::Invalid,
               fmt::format("external_key_id: Workspace {} (\"{}\") uses external key {}, which cannot be replaced",
                           row.id, json_fields::clean_text(row.name), *row.external_key_id),
               {},
               "To change the key material, rotate the key in its vault; to use another key, create a new workspace."};
}

std::string tags_text(const std::map<std::string, std::string>& tags) {
  json::object object;
  for (const auto& [key, value] : tags) object[key] = value;
  return json::serialize(object);
}

}  // namespace

store::Workspace new_workspace_row(const Uuid& organization, std::string name, const Clock& clock,
                                   RandomSource& random) {
  std::array<std::uint8_t, 3> color{};
  random.fill(color);
  store::Workspace row{.id = make_id(id_prefix::kWorkspace, random),
                       .organization = organization,
                       .compartment = make_uuid(random),
                       .name = std::move(name),
                       .display_color = fmt::format("#{:02X}{:02X}{:02X}", color[0], color[1], color[2]),
                       .is_default = false,
                       .external_key_id = std::nullopt,
                       .workspace_geo = "us",
                       .allowed_inference_geos = std::string(kUnrestricted),
                       .default_inference_geo = "global",
                       .tags = {},
                       .created_at = clock.now(),
                       .archived_at = std::nullopt};
  return row;
}

Result<store::Workspace> with_settings(store::Workspace row, const NewWorkspace& wanted) {
  LATCHKEY_TRYV(check_name(wanted.name));
  row.name = wanted.name;
  if (wanted.display_color) {
    LATCHKEY_TRYV(check_color(*wanted.display_color));
    row.display_color = *wanted.display_color;
  }
  LATCHKEY_TRYV(apply_residency(row, wanted.data_residency));
  LATCHKEY_TRYV(check_tags(wanted.tags));
  row.tags = wanted.tags;
  return row;
}

Result<store::Workspace> with_change(const store::Workspace& row, const WorkspaceChange& change) {
  if (row.archived_at) {
    return Error{ErrorCode::Invalid, fmt::format("Workspace {} (\"{}\") is archived, which is for good; it cannot be "
                                                 "changed.",
                                                 row.id, json_fields::clean_text(row.name))};
  }
  auto after = row;
  if (change.name) {
    LATCHKEY_TRYV(check_name(*change.name));
    if (row.is_default && *change.name != row.name) {
      return about("name", "The default workspace cannot be renamed; create another workspace for another name");
    }
    after.name = *change.name;
  }
  if (change.display_color) {
    LATCHKEY_TRYV(check_color(*change.display_color));
    after.display_color = *change.display_color;
  }
  LATCHKEY_TRYV(apply_residency(after, change.data_residency));
  for (const auto& [key, value] : change.tags) {
    if (value) {
      after.tags[key] = *value;
    } else {
      after.tags.erase(key);
    }
  }
  LATCHKEY_TRYV(check_tags(after.tags));
  if (change.external_key_id) {
    LATCHKEY_TRYV(check_key_change(row, *change.external_key_id));
    after.external_key_id = change.external_key_id;
  }
  return after;
}

json::array describe_update(const store::Workspace& before, const store::Workspace& after) {
  json::array updates;
  auto add = [&updates](std::string_view type, const std::string& previous, const std::string& current) {
    if (previous == current) return;
    updates.push_back(json::object{{"type", type}, {"previous_value", previous}, {"current_value", current}});
  };
  add("name", before.name, after.name);
  add("display_color", before.display_color, after.display_color);
  add("allowed_inference_geos", before.allowed_inference_geos, after.allowed_inference_geos);
  add("default_inference_geo", before.default_inference_geo, after.default_inference_geo);
  add("external_key_config_id", before.external_key_id.value_or(""), after.external_key_id.value_or(""));
  add("tags", tags_text(before.tags), tags_text(after.tags));
  return updates;
}

}  // namespace latchkey::admin
