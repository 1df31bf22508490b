#include "clouds/azure/emulator/vault/rotation_policy.hpp"

#include <charconv>
#include <chrono>

#include <fmt/format.h>

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr Seconds kDay = 86400;
constexpr Seconds kShortestLifetime = 28 * kDay;
constexpr Seconds kShortestInterval = 7 * kDay;
constexpr std::string_view kDefaultNotice = "P30D";

Refusal bad_policy(std::string message) {
  return {400, "BadParameter", std::move(message)};
}

Seconds shift(Seconds time, const Duration& duration, int sign) {
  namespace chrono = std::chrono;
  chrono::sys_seconds moment{chrono::seconds(time)};
  auto day = chrono::floor<chrono::days>(moment);
  chrono::year_month_day date(day);
  date += chrono::months(sign * (duration.years * 12 + duration.months));
  if (!date.ok()) date = date.year() / date.month() / chrono::last;
  auto shifted = chrono::sys_days(date) + chrono::days(sign * duration.days) + (moment - day);
  return chrono::duration_cast<chrono::seconds>(shifted.time_since_epoch()).count();
}

// Text of a field that holds a duration; empty where the field is absent or null.
Outcome<std::string> duration_text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string() || !parse_duration(value->get_string())) {
    return bad_policy(fmt::format("Property '{}' is not a valid ISO 8601 duration of years, months and days.", name));
  }
  return std::string(value->get_string());
}

bool is_shorter(const std::string& duration, Seconds least) {
  return add(0, *parse_duration(duration)) < least;
}

const json::object* object_in(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? &value->get_object() : nullptr;
}

Outcome<LifetimeAction> read_action(const json::value& item) {
  const auto* trigger = item.is_object() ? object_in(item.get_object(), "trigger") : nullptr;
  const auto* action = item.is_object() ? object_in(item.get_object(), "action") : nullptr;
  const auto* type = action == nullptr ? nullptr : action->if_contains("type");
  if (trigger == nullptr || type == nullptr || !type->is_string()) {
    return bad_policy("Each lifetime action needs a trigger and an action with a type.");
  }
  LifetimeAction read;
  std::string_view name = type->get_string();
  read.rotates = same(name, "Rotate");
  if (!read.rotates && !same(name, "Notify")) return bad_policy("The type of a lifetime action is Rotate or Notify.");
  LATCHKEY_TRY(read.after_create, duration_text(*trigger, "timeAfterCreate"));
  LATCHKEY_TRY(read.before_expiry, duration_text(*trigger, "timeBeforeExpiry"));
  if (read.after_create.empty() == read.before_expiry.empty()) {
    return bad_policy("A trigger has either timeAfterCreate or timeBeforeExpiry.");
  }
  if (!read.rotates && read.before_expiry.empty()) return bad_policy("A Notify action needs timeBeforeExpiry.");
  const auto& interval = read.after_create.empty() ? read.before_expiry : read.after_create;
  if (read.rotates && is_shorter(interval, kShortestInterval)) {
    return bad_policy("A key rotates 7 days after its creation, or before its expiry, at the least.");
  }
  return read;
}

// A key must live for a week between two rotations.
Outcome<void> check_against_lifetime(const LifetimeAction& action, const std::string& expiry_time) {
  if (expiry_time.empty()) {
    if (action.rotates && !action.before_expiry.empty()) {
      return bad_policy("A rotation before expiry needs an expiryTime.");
    }
    return success();
  }
  auto expiry = add(0, *parse_duration(expiry_time));
  const auto& interval = action.after_create.empty() ? action.before_expiry : action.after_create;
  if (action.rotates && expiry - add(0, *parse_duration(interval)) < kShortestInterval) {
    return bad_policy("The time of the rotation must be at least 7 days shorter than the expiryTime.");
  }
  return success();
}

json::object show_action(const LifetimeAction& action) {
  json::object trigger;
  if (!action.after_create.empty()) trigger["timeAfterCreate"] = action.after_create;
  if (!action.before_expiry.empty()) trigger["timeBeforeExpiry"] = action.before_expiry;
  return {{"trigger", std::move(trigger)}, {"action", json::object{{"type", action.rotates ? "Rotate" : "Notify"}}}};
}

const LifetimeAction* rotation_of(const Key& key) {
  if (!key.rotation) return nullptr;
  for (const auto& action : key.rotation->actions) {
    if (action.rotates) return &action;
  }
  return nullptr;
}

std::optional<Seconds> due_at(const LifetimeAction& rotation, Seconds created, std::optional<Seconds> expires) {
  if (!rotation.after_create.empty()) return add(created, *parse_duration(rotation.after_create));
  if (!expires) return std::nullopt;
  return subtract(*expires, *parse_duration(rotation.before_expiry));
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  constexpr int kLongest = 10'000;
  if (text.size() < 3 || text.front() != 'P') return std::nullopt;
  text.remove_prefix(1);
  Duration duration;
  std::string_view units = "YMD";
  while (!text.empty()) {
    int count = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failed != std::errc() || end == text.data() + text.size() || count < 0 || count > kLongest) return std::nullopt;
    auto unit = units.find(*end);
    if (unit == std::string_view::npos) return std::nullopt;
    (*end == 'Y' ? duration.years : *end == 'M' ? duration.months : duration.days) = count;
    units.remove_prefix(unit + 1);  // each unit once, in this order
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  }
  return duration;
}

Seconds add(Seconds time, const Duration& duration) {
  return shift(time, duration, 1);
}

Seconds subtract(Seconds time, const Duration& duration) {
  return shift(time, duration, -1);
}

Outcome<RotationPolicy> read_rotation_policy(const json::object& body, Seconds now) {
  RotationPolicy policy;
  policy.created = now;
  policy.updated = now;
  if (const auto* attributes = object_in(body, "attributes"); attributes != nullptr) {
    LATCHKEY_TRY(policy.expiry_time, duration_text(*attributes, "expiryTime"));
    if (!policy.expiry_time.empty() && is_shorter(policy.expiry_time, kShortestLifetime)) {
      return bad_policy("The expiryTime must be at least 28 days.");
    }
  }
  const auto* actions = body.if_contains("lifetimeActions");
  if (actions != nullptr && !actions->is_null()) {
    if (!actions->is_array()) return bad_policy("The lifetimeActions are a list.");
    for (const auto& item : actions->get_array()) {
      LATCHKEY_TRY(auto action, read_action(item));
      LATCHKEY_TRYV(check_against_lifetime(action, policy.expiry_time));
      for (const auto& other : policy.actions) {
        if (other.rotates == action.rotates) return bad_policy("There is one lifetime action of a type at the most.");
      }
      policy.actions.push_back(std::move(action));
    }
  }
  bool notifies = policy.actions.size() == 2 || (policy.actions.size() == 1 && !policy.actions[0].rotates);
  if (!notifies) policy.actions.push_back({false, "", std::string(kDefaultNotice)});
  return policy;
}

json::object show_rotation_policy(const std::optional<RotationPolicy>& policy, const std::string& id) {
  json::array actions;
  json::object attributes;
  if (policy) {
    for (const auto& action : policy->actions) actions.push_back(show_action(action));
    if (!policy->expiry_time.empty()) attributes["expiryTime"] = policy->expiry_time;
    attributes["created"] = policy->created;
    attributes["updated"] = policy->updated;
  } else {
    actions.push_back(show_action({false, "", std::string(kDefaultNotice)}));
  }
  return {{"id", id}, {"lifetimeActions", std::move(actions)}, {"attributes", std::move(attributes)}};
}

std::optional<Seconds> expiry_by(const std::optional<RotationPolicy>& policy, Seconds created) {
  if (!policy || policy->expiry_time.empty()) return std::nullopt;
  return add(created, *parse_duration(policy->expiry_time));
}

std::vector<Seconds> due_rotations(const Key& key, Seconds now, std::size_t most) {
  std::vector<Seconds> due;
  const auto* rotation = rotation_of(key);
  const auto& newest = key.versions.back();
  if (rotation == nullptr || !newest.enabled) return due;
  auto created = newest.created;
  auto expires = newest.expires;
  for (;;) {
    auto next = due_at(*rotation, created, expires);
    if (!next || *next > now) break;
    // A rotation that was due before the policy was made happens when the policy is made.
    created = std::max({*next, key.rotation->updated, created});
    expires = expiry_by(key.rotation, created);
    due.push_back(created);
    if (due.size() > most) due.erase(due.begin());
  }
  return due;
}

}  // namespace latchkey::clouds::azure::emulator
