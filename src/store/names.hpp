// The texts of the enumerations in rows.hpp, in the tables and in what the API, the metrics and the command line show.
// They never change, because databases outlive releases. A test pins them.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "store/rows.hpp"

namespace latchkey::store {

[[nodiscard]] constexpr std::string_view to_text(Role role) {
  switch (role) {
    case Role::Admin:
      return "admin";
    case Role::Service:
      return "service";
    case Role::Compliance:
      return "compliance";
    case Role::Workspace:
      return "workspace";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_text(DataKeyState state) {
  switch (state) {
    case DataKeyState::Active:
      return "active";
    case DataKeyState::Retired:
      return "retired";
    case DataKeyState::Destroyed:
      return "destroyed";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_text(KeyHealthState state) {
  switch (state) {
    case KeyHealthState::Unknown:
      return "unknown";
    case KeyHealthState::Healthy:
      return "healthy";
    case KeyHealthState::Degraded:
      return "degraded";
    case KeyHealthState::Refused:
      return "refused";
    case KeyHealthState::Unreachable:
      return "unreachable";
    case KeyHealthState::Suspended:
      return "suspended";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_text(RewrapState state) {
  switch (state) {
    case RewrapState::Running:
      return "running";
    case RewrapState::Paused:
      return "paused";
    case RewrapState::Stopped:
      return "stopped";
    case RewrapState::Completed:
      return "completed";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_text(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::ForgetKey:
      return "forget_key";
    case NoticeKind::ForgetDataKeys:
      return "forget_data_keys";
    case NoticeKind::RowsChanged:
      return "rows_changed";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_text(WebhookDeliveryState state) {
  switch (state) {
    case WebhookDeliveryState::Pending:
      return "pending";
    case WebhookDeliveryState::Delivered:
      return "delivered";
    case WebhookDeliveryState::Failed:
      return "failed";
  }
  return "";
}

// The number of Enum's values. They are numbered from 0 without a gap, so the first number without a text ends them.
template <class Enum>
[[nodiscard]] constexpr std::size_t count_of_values() {
  std::size_t count = 0;
  while (!to_text(static_cast<Enum>(count)).empty()) ++count;
  return count;
}

// Every value of Enum, in the order of its declaration.
template <class Enum>
inline constexpr auto kValues = [] {
  std::array<Enum, count_of_values<Enum>()> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<Enum>(i);
  return values;
}();

// The value with this text; absent where none has it.
template <class Enum>
[[nodiscard]] constexpr std::optional<Enum> from_text(std::string_view text) {
  for (auto value : kValues<Enum>) {
    if (to_text(value) == text) return value;
  }
  return std::nullopt;
}

}  // namespace latchkey::store
