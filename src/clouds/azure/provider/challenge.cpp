#include "clouds/azure/provider/challenge.hpp"

#include <vector>

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include "base/id.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"

namespace latchkey::clouds::azure {

namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kLongestChallenge = std::size_t{8} * 1024;

void skip(std::string_view& text, std::string_view characters) {
  text.remove_prefix(std::min(text.find_first_not_of(characters), text.size()));
}

// Reads a quoted-string of RFC 9110 section 5.6.4, from behind its opening quote.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    if (text[i] == '\\' && ++i == text.size()) break;
    value += text[i];
  }
  return std::nullopt;
}

std::optional<Parameters> take_parameters(std::string_view text) {
  Parameters parameters;
  for (skip(text, " \t,"); !text.empty(); skip(text, " \t,")) {
    auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) return std::nullopt;
    std::string name(text.substr(0, equals));
    if (name.find_first_of(" \t,\"") != std::string::npos) return std::nullopt;
    text.remove_prefix(equals + 1);
    if (text.starts_with('"')) {
      text.remove_prefix(1);
      auto value = take_quoted(text);
      if (!value) return std::nullopt;
      parameters.emplace_back(std::move(name), std::move(*value));
    } else {
      auto end = std::min(text.find_first_of(", \t"), text.size());
      parameters.emplace_back(std::move(name), std::string(text.substr(0, end)));
      text.remove_prefix(end);
    }
  }
  return parameters;
}

// "https://login.microsoftonline.com/<tenant>/..." gives the tenant.
std::string tenant_of(std::string_view authority) {
  if (!boost::algorithm::istarts_with(authority, "https://")) return {};
  authority.remove_prefix(8);
  auto slash = authority.find('/');
  if (slash == std::string_view::npos) return {};
  auto path = authority.substr(slash + 1);
  return std::string(path.substr(0, path.find_first_of("/?#")));
}

}  // namespace

std::optional<Challenge> parse_challenge(std::string_view www_authenticate) {
  constexpr std::string_view scheme = "Bearer";
  if (www_authenticate.size() > kLongestChallenge) return std::nullopt;
  skip(www_authenticate, " \t");
  if (!boost::algorithm::istarts_with(www_authenticate, scheme)) return std::nullopt;
  auto rest = www_authenticate.substr(scheme.size());
  if (!rest.empty() && rest.front() != ' ' && rest.front() != '\t') return std::nullopt;
  auto parameters = take_parameters(rest);
  if (!parameters) return std::nullopt;
  Challenge challenge;
  for (const auto& [name, value] : *parameters) {
    if (boost::algorithm::iequals(name, "authorization") || boost::algorithm::iequals(name, "authorization_uri")) {
      challenge.tenant = tenant_of(value);
    } else if (boost::algorithm::iequals(name, "resource")) {
      challenge.resource = value;
    } else if (boost::algorithm::iequals(name, "scope") && challenge.resource.empty()) {
      challenge.resource = value;
      constexpr std::string_view all = "/.default";
      if (value.ends_with(all)) challenge.resource.resize(value.size() - all.size());
    } else if (boost::algorithm::iequals(name, "error")) {
      challenge.error = value;
    }
  }
  return challenge;
}

Result<void> check_challenge(const Challenge& challenge, const KeyTarget& target) {
  auto governing = parse_uuid(challenge.tenant);
  auto registered = parse_uuid(target.tenant_id);
  if (governing && registered && governing.value() != registered.value()) {
    auto arguments = arguments_of(target);
    arguments.governing = "tenant " + format_uuid(governing.value());
    arguments.tenant = format_uuid(registered.value());
    return reason_error(reason::kTenantMismatch, arguments);
  }
  auto resource = challenge.resource;
  if (resource.ends_with('/')) resource.pop_back();
  if (!resource.empty() && !boost::algorithm::iequals(resource, target.vault.resource)) {
    auto arguments = arguments_of(target);
    arguments.said = fmt::format("{} wants tokens for another resource than {}; no token was sent for it",
                                 target.vault.host, target.vault.resource);
    return reason_error(reason::kWrongCloud, arguments);
  }
  return success();
}

}  // namespace latchkey::clouds::azure
