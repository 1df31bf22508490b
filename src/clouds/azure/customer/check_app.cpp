#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include "clouds/azure/customer/checks.hpp"
#include "clouds/azure/customer/commands.hpp"
#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

using boost::algorithm::iequals;
using clouds::azure::shown_text;

namespace {

// A name as a person reads it who does not look closely.
std::string skeleton(std::string_view name) {
  std::string text;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '0') c = 'o';
    if (c == '1' || c == 'i' || c == '|') c = 'l';
    if (c == '5' || c == '$') c = 's';
    if (c == '3') c = 'e';
    if (c == '4' || c == '@') c = 'a';
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    // A letter of another alphabet counts once: by its first byte.
    bool begins_other = (static_cast<unsigned char>(c) & 0xc0U) == 0xc0U;
    if (is_letter) text += c;
    if (begins_other) text += '?';
  }
  return text;
}

bool within_one_edit(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  std::size_t same = 0;
  while (same < a.size() && a[same] == b[same]) ++same;
  auto rest_a = a.substr(std::min(a.size(), same + (a.size() == b.size() ? 1 : 0)));
  auto rest_b = b.substr(std::min(b.size(), same + 1));
  return rest_a == rest_b;
}

// Letters of other alphabets match anything.
bool matches_with_wildcards(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return x == y || x == '?'; });
}

Finding check_consent(const CustomerState& state) {
  Finding finding{"app"};
  if (state.principal) {
    const auto& principal = state.principal.value();
    finding.found = fmt::format("service principal {}", shown_text(principal.object_id, 64));
    finding.status = principal.enabled ? Status::Good : Status::Failed;
    if (!principal.enabled) {
      finding.found += " is disabled: the platform gets no token";
      finding.cure = fmt::format("az ad sp update --id {} --set accountEnabled=true", state.target.app.client_id);
    }
    return finding;
  }
  const auto& error = state.principal.error();
  finding.found = error.message();
  if (error.code != ErrorCode::NotFound) return finding;
  finding.status = Status::Failed;
  finding.found = fmt::format("the app {} is not consented to in the vault's tenant", state.target.app.client_id);
  finding.cure = commands::consent(state.target);
  return finding;
}

Finding look_alike(const Principal& other, const PublishedApp& app) {
  return {
      "app-identity", Status::Failed,
      fmt::format("\"{}\" is a look-alike: its app id is {}, and the published one is {} ({}). Trust nobody who gave "
                  "you that id",
                  shown_text(other.display_name, 100), shown_text(other.app_id, 64), app.client_id, app.display_name),
      fmt::format("az ad sp delete --id {}", commands::word(other.object_id))};
}

Finding check_identity(const CustomerState& state) {
  const auto& app = state.target.app;
  if (state.similar_apps) {
    for (const auto& other : state.similar_apps.value()) {
      if (!iequals(other.app_id, app.client_id) && looks_like(other.display_name, app.display_name)) {
        return look_alike(other, app);
      }
    }
  }
  if (!state.principal) {
    return {"app-identity", Status::Unknown, "no service principal to look at", ""};
  }
  const auto& principal = state.principal.value();
  if (!iequals(principal.app_id, app.client_id) || principal.display_name != app.display_name) {
    return {
        "app-identity", Status::Failed,
        fmt::format("it is {} \"{}\", where {} \"{}\" is published: do not trust it", shown_text(principal.app_id, 64),
                    shown_text(principal.display_name, 100), app.client_id, app.display_name),
        "compare the id and the name with your provider's site, and report the difference to them"};
  }
  if (!state.similar_apps) return {"app-identity", Status::Unknown, state.similar_apps.error().message(), ""};
  return {"app-identity", Status::Good, fmt::format("{} {}", app.client_id, app.display_name), ""};
}

}  // namespace

bool looks_like(std::string_view name, std::string_view published) {
  auto a = skeleton(name);
  auto b = skeleton(published);
  return matches_with_wildcards(a, b) || within_one_edit(a, b);
}

std::vector<Finding> check_app(const CustomerState& state) {
  return {check_consent(state), check_identity(state)};
}

}  // namespace latchkey::clouds::azure::customer
