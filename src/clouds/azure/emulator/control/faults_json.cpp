#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/control/faults.hpp"
#include "clouds/azure/emulator/errors.hpp"
#include "clouds/azure/emulator/text.hpp"
#include "clouds/azure/emulator/vault/key_rules.hpp"
#include "clouds/azure/emulator/vault/vault_route.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::int64_t kLongestLifetime = 86'400;
constexpr std::int64_t kMostHits = 1'000'000'000;

struct KindName {
  FaultKind kind;
  std::string_view name;
};
constexpr std::array<KindName, 8> kKinds{{{FaultKind::Latency, "latency"},
                                          {FaultKind::Error, "error"},
                                          {FaultKind::Reset, "reset"},
                                          {FaultKind::Truncate, "truncate"},
                                          {FaultKind::Malformed, "malformed"},
                                          {FaultKind::Trickle, "trickle"},
                                          {FaultKind::WrongKid, "wrong_kid"},
                                          {FaultKind::TokenLifetime, "token_lifetime"}}};
constexpr std::string_view kKindNames =
    "latency, error, reset, truncate, malformed, trickle, wrong_kid or token_lifetime";
constexpr std::string_view kKeyVault = "key_vault";
constexpr std::string_view kEntra = "entra";
constexpr std::string_view kToken = "Token";
constexpr std::array<std::string_view, 4> kServices = {kKeyVault, kEntra, "resource_manager", "graph"};

struct FieldOwner {
  std::string_view field;
  FaultKind kind;
};
constexpr std::array<FieldOwner, 12> kOwners{{{"distribution", FaultKind::Latency},
                                              {"ms", FaultKind::Latency},
                                              {"min_ms", FaultKind::Latency},
                                              {"max_ms", FaultKind::Latency},
                                              {"mean_ms", FaultKind::Latency},
                                              {"deviation_ms", FaultKind::Latency},
                                              {"status", FaultKind::Error},
                                              {"code", FaultKind::Error},
                                              {"message", FaultKind::Error},
                                              {"retry_after", FaultKind::Error},
                                              {"pause_ms", FaultKind::Trickle},
                                              {"seconds", FaultKind::TokenLifetime}}};

std::string_view name_of(FaultKind kind) {
  return std::ranges::find(kKinds, kind, &KindName::kind)->name;
}

std::vector<std::string_view> operations_of(std::string_view service) {
  if (service == kEntra) return {kToken, "Discovery"};
  if (service != kKeyVault) return {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  std::vector<std::string_view> names;
  for (int action = 0; action <= static_cast<int>(VaultAction::RandomBytes); ++action) {
    if (static_cast<VaultAction>(action) == VaultAction::Crypto) continue;
    names.push_back(names_of({static_cast<VaultAction>(action)}).audit);
  }
  for (int operation = 0; operation <= static_cast<int>(KeyOperation::UnwrapKey); ++operation) {
    names.push_back(names_of({VaultAction::Crypto, {}, {}, static_cast<KeyOperation>(operation)}).audit);
  }
  return names;
}

bool has(const auto& names, std::string_view wanted) {
  return std::ranges::any_of(names, [&](std::string_view name) { return same(name, wanted); });
}

Result<double> number(const json::object& object, std::string_view name, double least, double most,
                      std::optional<double> otherwise = std::nullopt) {
  const auto* value = object.if_contains(name);
  if (value == nullptr && otherwise) return *otherwise;
  if (value != nullptr && value->is_number()) {
    auto read = value->to_number<double>();
    if (read >= least && read <= most) return read;
  }
  return bad_field(name, fmt::format("Input should be a number from {} to {}", least, most));
}

Result<std::string> text(const json::object& object, std::string_view name) {
  LATCHKEY_TRY(auto value, json_fields::optional_text(object, "", name, {0, 1024}));
  return value.value_or("");
}

Result<std::uint64_t> whole(const json::object& object, std::string_view name, std::int64_t least, std::int64_t most) {
  const auto* value = object.if_contains(name);
  bool fits = value != nullptr && value->is_int64() && value->get_int64() >= least && value->get_int64() <= most;
  if (fits) return static_cast<std::uint64_t>(value->get_int64());
  return bad_field(name, fmt::format("Input should be a whole number from {} to {}", least, most));
}

Result<void> refuse_others(const json::object& object, FaultKind kind) {
  LATCHKEY_TRYV(json_fields::refuse_unknown(
      object, "",
      {"kind", "service", "vault", "operation", "share", "count", "seed", "distribution", "ms", "min_ms", "max_ms",
       "mean_ms", "deviation_ms", "status", "code", "message", "retry_after", "pause_ms", "seconds"}));
  for (const auto& owner : kOwners) {
    if (owner.kind == kind || !object.contains(owner.field)) continue;
    return bad_field(owner.field, fmt::format("Only faults of the kind '{}' have it", name_of(owner.kind)));
  }
  return success();
}

Result<Latency> read_latency(const json::object& object) {
  using Distribution = Latency::Distribution;
  LATCHKEY_TRY(auto name, text(object, "distribution"));
  auto refuse_but = [&](std::initializer_list<std::string_view> known) -> Result<void> {
    for (std::string_view field : {"ms", "min_ms", "max_ms", "mean_ms", "deviation_ms"}) {
      if (object.contains(field) && !has(known, field)) {
        return bad_field(field, fmt::format("The distribution '{}' does not have it", name.empty() ? "fixed" : name));
      }
    }
    return success();
  };
  Latency latency;
  if (name.empty() || name == "fixed") {
    LATCHKEY_TRYV(refuse_but({"ms"}));
    LATCHKEY_TRY(latency.first, number(object, "ms", 0, kLongestWaitMs));
  } else if (name == "uniform") {
    latency.distribution = Distribution::Uniform;
    LATCHKEY_TRYV(refuse_but({"min_ms", "max_ms"}));
    LATCHKEY_TRY(latency.first, number(object, "min_ms", 0, kLongestWaitMs));
    LATCHKEY_TRY(latency.second, number(object, "max_ms", latency.first, kLongestWaitMs));
  } else if (name == "normal") {
    latency.distribution = Distribution::Normal;
    LATCHKEY_TRYV(refuse_but({"mean_ms", "deviation_ms"}));
    LATCHKEY_TRY(latency.first, number(object, "mean_ms", 0, kLongestWaitMs));
    LATCHKEY_TRY(latency.second, number(object, "deviation_ms", 0, kLongestWaitMs));
  } else {
    return bad_field("distribution",
                     "Input should be 'fixed' (with ms), 'uniform' (min_ms, max_ms) or 'normal' (mean_ms, "
                     "deviation_ms)");
  }
  return latency;
}

Result<void> read_error(const json::object& object, Fault& fault) {
  constexpr std::int64_t kLeastStatus = 400;
  constexpr std::int64_t kMostStatus = 599;
  LATCHKEY_TRY(auto status, whole(object, "status", kLeastStatus, kMostStatus));
  fault.status = static_cast<unsigned>(status);
  LATCHKEY_TRY(fault.code, text(object, "code"));
  LATCHKEY_TRY(fault.message, text(object, "message"));
  LATCHKEY_TRY(fault.retry_after, text(object, "retry_after"));
  // The text becomes a header.
  bool is_printable = std::ranges::all_of(fault.retry_after, [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_printable) return bad_field("retry_after", "Input should be seconds, or an HTTP date, in ASCII");
  if (fault.code.empty()) fault.code = fault.status == 429 ? "Throttled" : "ServiceUnavailable";
  if (fault.message.empty()) fault.message = "This fault was asked for.";
  return success();
}

Result<void> read_details(const json::object& object, Fault& fault) {
  switch (fault.kind) {
    case FaultKind::Latency: {
      LATCHKEY_TRY(fault.latency, read_latency(object));
      break;
    }
    case FaultKind::Error:
      return read_error(object, fault);
    case FaultKind::Trickle: {
      LATCHKEY_TRY(auto pause, whole(object, "pause_ms", 1, static_cast<std::int64_t>(kLongestWaitMs)));
      fault.pause = std::chrono::milliseconds(pause);
      break;
    }
    case FaultKind::TokenLifetime: {
      LATCHKEY_TRY(auto seconds, whole(object, "seconds", 0, kLongestLifetime));
      fault.lifetime = std::chrono::seconds(seconds);
      break;
    }
    case FaultKind::Reset:
    case FaultKind::Truncate:
    case FaultKind::Malformed:
    case FaultKind::WrongKid:
      break;
  }
  return success();
}

Result<void> check_operation(const Fault& fault) {
  const auto& site = fault.site;
  if (site.operation.empty()) return success();
  std::vector<std::string_view> known;
  if (fault.kind == FaultKind::WrongKid) {
    known.assign(kNamingKeys.begin(), kNamingKeys.end());
  } else if (fault.kind == FaultKind::TokenLifetime) {
    known = {kToken};
  } else {
    for (auto service : kServices) {
      if (!site.service.empty() && site.service != service) continue;
      // Where no service is named, Resource Manager's methods stand for Graph's.
      if (site.service.empty() && service == "graph") continue;
      auto more = operations_of(service);
      known.insert(known.end(), more.begin(), more.end());
    }
  }
  if (has(known, site.operation)) return success();
  return bad_field("operation", fmt::format("Input should be {}", fmt::join(known, ", ")));
}

// Reads where the fault strikes; a fault that only one service can have strikes there alone.
Result<void> read_site(const json::object& object, Fault& fault) {
  auto& site = fault.site;
  LATCHKEY_TRY(site.service, text(object, "service"));
  LATCHKEY_TRY(site.vault, text(object, "vault"));
  LATCHKEY_TRY(site.operation, text(object, "operation"));
  site.vault = lower(site.vault);
  if (!site.service.empty() && std::ranges::find(kServices, site.service) == kServices.end()) {
    return bad_field("service", "Input should be 'key_vault', 'entra', 'resource_manager' or 'graph'");
  }
  bool is_of_entra = fault.kind == FaultKind::TokenLifetime;
  bool is_of_vaults = fault.kind == FaultKind::WrongKid || !site.vault.empty();
  if (is_of_entra && is_of_vaults) return bad_field("vault", "Entra gives tokens for all vaults; leave it out");
  if (is_of_entra || is_of_vaults) {
    auto only = is_of_entra ? kEntra : kKeyVault;
    if (!site.service.empty() && site.service != only) {
      return bad_field("service", fmt::format("Input should be '{}', where alone this can happen", only));
    }
    site.service = only;
  }
  if (!site.vault.empty() && !is_vault_name(site.vault)) {
    return bad_field("vault", "Input should be the name of a vault: 3 to 24 letters, digits and dashes");
  }
  if (is_of_entra && site.operation.empty()) site.operation = kToken;
  return check_operation(fault);
}

Result<void> read_frequency(const json::object& object, Fault& fault) {
  LATCHKEY_TRY(fault.share, number(object, "share", 0, 1, 1));
  if (object.contains("count")) {
    LATCHKEY_TRY(fault.left, whole(object, "count", 1, kMostHits));
  }
  if (object.contains("seed")) {
    LATCHKEY_TRY(fault.seed, whole(object, "seed", 0, INT64_MAX));
  }
  return success();
}

void show_latency(const Latency& latency, json::object& shown) {
  switch (latency.distribution) {
    case Latency::Distribution::Fixed:
      shown["distribution"] = "fixed";
      shown["ms"] = latency.first;
      break;
    case Latency::Distribution::Uniform:
      shown["distribution"] = "uniform";
      shown["min_ms"] = latency.first;
      shown["max_ms"] = latency.second;
      break;
    case Latency::Distribution::Normal:
      shown["distribution"] = "normal";
      shown["mean_ms"] = latency.first;
      shown["deviation_ms"] = latency.second;
      break;
  }
}

}  // namespace

Result<Fault> fault_from_json(const json::object& object) {
  LATCHKEY_TRY(auto name, text(object, "kind"));
  const auto* kind = std::ranges::find(kKinds, name, &KindName::name);
  if (kind == kKinds.end()) return bad_field("kind", fmt::format("Input should be {}", kKindNames));
  Fault fault;
  fault.kind = kind->kind;
  LATCHKEY_TRYV(refuse_others(object, fault.kind));
  LATCHKEY_TRYV(read_site(object, fault));
  LATCHKEY_TRYV(read_frequency(object, fault));
  LATCHKEY_TRYV(read_details(object, fault));
  return fault;
}

json::object to_json(const Fault& fault) {
  json::object shown{{"id", fault.id}, {"kind", name_of(fault.kind)}};
  auto show = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) shown[name] = value;
  };
  show("service", fault.site.service);
  show("vault", fault.site.vault);
  show("operation", fault.site.operation);
  shown["share"] = fault.share;
  if (fault.seed) shown["seed"] = *fault.seed;
  if (fault.left) shown["left"] = *fault.left;
  shown["hits"] = fault.hits;
  if (fault.kind == FaultKind::Latency) show_latency(fault.latency, shown);
  if (fault.kind == FaultKind::Trickle) shown["pause_ms"] = fault.pause.count();
  if (fault.kind == FaultKind::TokenLifetime) shown["seconds"] = fault.lifetime.count();
  if (fault.kind == FaultKind::Error) {
    shown["status"] = fault.status;
    show("code", fault.code);
    show("message", fault.message);
    show("retry_after", fault.retry_after);
  }
  return shown;
}

}  // namespace latchkey::clouds::azure::emulator
