#include "clouds/azure/emulator/text.hpp"

#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/ip/address.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/id.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

constexpr std::size_t kMaxSegments = 64;

char lower_char(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string calendar(Seconds seconds, char separator) {
  constexpr Seconds kLastSecond = 253402300799;  // of the year 9999
  auto when = fmt::gmtime(static_cast<std::time_t>(std::clamp(seconds, Seconds{0}, kLastSecond)));
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", when.tm_year + 1900, when.tm_mon + 1, when.tm_mday,
                     separator, when.tm_hour, when.tm_min, when.tm_sec);
}

}  // namespace

Seconds unix_seconds(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count();
}

std::string arm_time(Seconds seconds) {
  return calendar(seconds, 'T') + ".0000000Z";
}

std::string entra_time(Seconds seconds) {
  return calendar(seconds, ' ') + "Z";
}

std::string graph_time(Seconds seconds) {
  return calendar(seconds, 'T') + "Z";
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower_char);
  return result;
}

std::string upper(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return result;
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower_char(x) == lower_char(y); });
}

bool begins_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && same(text.substr(0, prefix.size()), prefix);
}

bool matches_wildcard(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && lower_char(pattern[p]) == lower_char(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (!path.empty()) {
    auto end = path.find('/');
    LATCHKEY_TRY(auto segment, http::percent_decode(path.substr(0, end)));
    segments.push_back(std::move(segment));
    if (segments.size() > kMaxSegments) return Error{ErrorCode::Invalid, "the path has too many segments"};
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return segments;
}

Result<std::vector<std::string>> split_names(std::string_view path) {
  LATCHKEY_TRY(auto segments, split_path(path));
  std::erase(segments, std::string());
  return segments;
}

std::string new_guid(RandomSource& random) {
  return format_uuid(make_uuid(random));
}

std::string random_hex(RandomSource& random, std::size_t bytes) {
  Bytes raw(bytes);
  random.fill(raw);
  return hex_encode(raw);
}

bool is_guid(std::string_view text) {
  return parse_uuid(text).has_value();
}

std::string_view host_without_port(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.rfind(':'));
}

bool is_local_authority(std::string_view authority) {
  auto host = host_without_port(authority);
  if (same(host, "localhost") || boost::algorithm::iends_with(host, ".localhost")) return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code failed;
  auto address = boost::asio::ip::make_address(std::string(host), failed);
  return !failed && address.is_loopback();
}

}  // namespace latchkey::clouds::azure::emulator
