#include "clouds/azure/provider/vault_uri.hpp"

#include <algorithm>

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/id.hpp"

namespace latchkey::clouds::azure {

namespace {

constexpr std::string_view kScheme = "https://";
constexpr std::size_t kLongestUri = 255;
constexpr std::size_t kLongestLabel = 63;

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= kLongestLabel && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

// Quotes a registrant's text for a message, without control characters and with a bound on its length.
std::string quoted(std::string_view text) {
  std::string shown;
  for (char c : text.substr(0, 100)) shown += (c >= 0x20 && c < 0x7f) ? c : '?';
  return fmt::format("\"{}\"{}", shown, text.size() > 100 ? "..." : "");
}

Error bad_uri(std::string_view text, std::string_view why, std::span<const std::string> suffixes) {
  std::string_view suffix = suffixes.empty() ? std::string_view(".vault.azure.net") : suffixes.front();
  return Error{ErrorCode::Invalid,
               fmt::format("{} is not a vault URI: it {}; a right one looks like https://contoso{}/", quoted(text), why,
                           suffix)};
}

}  // namespace

const std::vector<std::string>& public_cloud_suffixes() {
  static const std::vector<std::string> suffixes{".vault.azure.net", ".managedhsm.azure.net"};
  return suffixes;
}

Result<VaultUri> parse_vault_uri(std::string_view text, std::span<const std::string> suffixes) {
  auto bad = [&](std::string_view why) { return bad_uri(text, why, suffixes); };
  if (text.size() > kLongestUri) return bad("is too long");
  if (!boost::algorithm::istarts_with(text, kScheme)) return bad("must begin with https://");
  auto host = text.substr(kScheme.size());
  if (host.ends_with('/')) host.remove_suffix(1);
  if (host.find('@') != std::string_view::npos) return bad("must not name a user");
  if (host.find_first_of("/?#\\") != std::string_view::npos) {
    return bad("must be the vault alone, without a path, query or fragment");
  }
  if (host.starts_with('[') ||
      std::all_of(host.begin(), host.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; })) {
    return bad("must name the vault's host, not an address");
  }
  if (host.find(':') != std::string_view::npos) return bad("must not name a port");
  auto lower = boost::algorithm::to_lower_copy(std::string(host));
  for (const auto& suffix : suffixes) {
    if (suffix.size() < 2 || suffix.front() != '.' || !lower.ends_with(suffix)) continue;
    auto label = std::string_view(lower).substr(0, lower.size() - suffix.size());
    if (!is_label(label))
      return bad(fmt::format("must have one name of letters, digits and hyphens before {}", suffix));
    return VaultUri{lower, fmt::format("https://{}", suffix.substr(1))};
  }
  return bad(fmt::format("must have a host that ends in {}", fmt::join(suffixes, " or ")));
}

Result<void> check_key_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= 127 &&
              std::all_of(name.begin(), name.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
  if (good) return success();
  return Error{
      ErrorCode::Invalid,
      fmt::format(
          "{} is not a key name: it must be 1 to 127 letters, digits and hyphens: the key's name alone, without "
          "vault or version",
          quoted(name))};
}

Result<void> check_tenant_id(std::string_view tenant) {
  if (parse_uuid(tenant)) return success();
  bool domain = tenant.size() <= 253 && tenant.find('.') != std::string_view::npos;
  for (std::string_view rest = tenant; domain;) {
    auto dot = rest.find('.');
    domain = is_label(rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  bool digits_alone =
      std::all_of(tenant.begin(), tenant.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  if (domain && !digits_alone) return success();
  return Error{ErrorCode::Invalid,
               fmt::format("{} is not a tenant id: it must be the tenant's GUID or a domain of it, as "
                           "\"az keyvault show --name <vault> --query properties.tenantId\" prints it",
                           quoted(tenant))};
}

}  // namespace latchkey::clouds::azure
