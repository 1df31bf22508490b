// Small functions that read and write text, shared by all emulated services. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"

namespace latchkey::clouds::azure::emulator {

// Whole seconds since 1970, as Key Vault and tokens count time.
using Seconds = std::int64_t;

[[nodiscard]] Seconds unix_seconds(const Clock& clock);
// "2026-01-02T03:04:05.0000000Z", as Resource Manager writes times.
[[nodiscard]] std::string arm_time(Seconds seconds);
// "2026-01-02 03:04:05Z", as Entra writes them.
[[nodiscard]] std::string entra_time(Seconds seconds);
// "2026-01-02T03:04:05Z", as Graph writes them.
[[nodiscard]] std::string graph_time(Seconds seconds);

[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::string upper(std::string_view text);
// Equal in any ASCII case.
[[nodiscard]] bool same(std::string_view a, std::string_view b);
// `text` begins with `prefix` in any ASCII case.
[[nodiscard]] bool begins_with(std::string_view text, std::string_view prefix);
// '*' stands for any text, slashes included; letters match in any case: how role definitions name actions.
[[nodiscard]] bool matches_wildcard(std::string_view pattern, std::string_view text);

// "/keys/k1/?..." to {"keys", "k1"}: decoded segments, without the empty one that a trailing slash leaves. Empty
// segments inside stay. Invalid on a bad escape or more than 64 segments.
[[nodiscard]] Result<std::vector<std::string>> split_path(std::string_view path);

// The same without empty segments: clients join URLs that end with a slash to paths that begin with one.
[[nodiscard]] Result<std::vector<std::string>> split_names(std::string_view path);

[[nodiscard]] std::string new_guid(RandomSource& random);
[[nodiscard]] std::string random_hex(RandomSource& random, std::size_t bytes);
[[nodiscard]] bool is_guid(std::string_view text);

// "host:port" without its port; "[::1]:8" without the port and with the brackets.
[[nodiscard]] std::string_view host_without_port(std::string_view authority);
// True for localhost, *.localhost and loopback addresses, with or without a port.
[[nodiscard]] bool is_local_authority(std::string_view authority);

}  // namespace latchkey::clouds::azure::emulator
