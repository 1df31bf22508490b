#include <boost/json/array.hpp>

#include "admin/external_keys.hpp"
#include "admin/key_location.hpp"
#include "api/handlers.hpp"
#include "api/parameters.hpp"
#include "api/respond.hpp"
#include "base/json_fields.hpp"

namespace latchkey::api {

namespace json = boost::json;

namespace {

constexpr json_fields::TextLimits kDisplayName{1, 255};
constexpr LimitBounds kLimit{20, 100};

Result<json::object> to_json(const kms::Providers& clouds, const admin::ExternalKeyView& key) {
  LATCHKEY_TRY(auto location, admin::key_location(clouds, key.row));
  return json::object{{"id", key.row.id},
                      {"type", "external_key"},
                      {"attachment", {{"type", key.attached ? "attached" : "unattached"}}},
                      {"created_at", format_timestamp(key.row.created_at)},
                      {"display_name", text_or_null(key.row.display_name)},
                      {"geo", key.row.geo},
                      {"provider_config", location.key().to_json()},
                      {"updated_at", format_timestamp(key.row.updated_at)},
                      {"user_profile_id", nullptr}};
}

Result<http::Response> respond(const kms::Providers& clouds, const admin::ExternalKeyView& key) {
  LATCHKEY_TRY(auto body, to_json(clouds, key));
  return json_response(body);
}

std::string key_id(const Call& call) {
  return std::string(call.request.path_parameter("external_key_id"));
}

Result<admin::NewExternalKey> read_new_key(std::string_view text, const kms::Providers& clouds) {
  LATCHKEY_TRY(auto body, json_fields::parse_object(text));
  LATCHKEY_TRYV(json_fields::refuse_unknown(body, "", {"provider_config", "display_name", "geo", "user_profile_id"}));
  LATCHKEY_TRYV(refuse_user_profile(body));
  admin::NewExternalKey key;
  LATCHKEY_TRY(key.display_name, json_fields::nullable_text(body, "", "display_name", kDisplayName));
  LATCHKEY_TRY(auto geo, json_fields::optional_text(body, "", "geo", {}));
  if (geo) key.geo = *geo;
  const auto* config = body.if_contains("provider_config");
  if (config == nullptr) return Error{ErrorCode::Invalid, "provider_config: Field required"};
  LATCHKEY_TRY(key.key, clouds.parse(*config, "provider_config"));
  return key;
}

Result<admin::ExternalKeyChange> read_change(std::string_view text, const kms::Providers& clouds) {
  LATCHKEY_TRY(auto body, json_fields::parse_object(text, true));
  LATCHKEY_TRYV(json_fields::refuse_unknown(body, "", {"provider_config", "display_name", "geo"}));
  admin::ExternalKeyChange change;
  change.sets_display_name = body.contains("display_name");
  LATCHKEY_TRY(change.display_name, json_fields::nullable_text(body, "", "display_name", kDisplayName));
  LATCHKEY_TRY(change.geo, json_fields::nullable_text(body, "", "geo", {}));
  if (const auto* config = body.if_contains("provider_config"); config != nullptr && !config->is_null()) {
    LATCHKEY_TRY(change.key, clouds.parse(*config, "provider_config"));
  }
  return change;
}

Task<Result<http::Response>> create_key(const ExternalKeyParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto key, read_new_key(call.request.body, parts.clouds));
  LATCHKEY_CO_TRY(auto created, co_await parts.external_keys.create(call.caller, std::move(key)));
  co_return respond(parts.clouds, created);
}

Task<Result<http::Response>> list_keys(const ExternalKeyParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto limit, limit_parameter(call.request, kLimit));
  auto cursor = text_parameter(call.request, "page");
  LATCHKEY_CO_TRY(auto page, co_await parts.external_keys.list(call.caller, limit, std::move(cursor)));
  json::array data;
  for (const auto& key : page.keys) {
    LATCHKEY_CO_TRY(auto object, to_json(parts.clouds, key));
    data.push_back(std::move(object));
  }
  json::object body{{"data", std::move(data)}, {"next_page", text_or_null(page.next_page)}};
  co_return json_response(body);
}

Task<Result<http::Response>> get_key(const ExternalKeyParts& parts, Call call) {
  auto id = key_id(call);
  LATCHKEY_CO_TRY(auto key, co_await parts.external_keys.get(call.caller, std::move(id)));
  co_return respond(parts.clouds, key);
}

Task<Result<http::Response>> update_key(const ExternalKeyParts& parts, Call call) {
  auto id = key_id(call);
  LATCHKEY_CO_TRY(auto change, read_change(call.request.body, parts.clouds));
  LATCHKEY_CO_TRY(auto key, co_await parts.external_keys.update(call.caller, std::move(id), std::move(change)));
  co_return respond(parts.clouds, key);
}

Task<Result<http::Response>> delete_key(const ExternalKeyParts& parts, Call call) {
  auto id = key_id(call);
  LATCHKEY_CO_TRYV(co_await parts.external_keys.remove(call.caller, id));
  json::object body{{"id", id}, {"type", "external_key_deleted"}};
  co_return json_response(body);
}

Task<Result<http::Response>> validate_key(const ExternalKeyParts& parts, Call call) {
  auto id = key_id(call);
  LATCHKEY_CO_TRYV(refuse_body(call.request.body));
  LATCHKEY_CO_TRY(auto outcome, co_await parts.external_keys.validate(call.caller, std::move(id)));
  json::object body{{"type", "external_key_validation"}, {"status", outcome.success ? "success" : "failure"}};
  body["error"] = outcome.success ? json::value(nullptr) : json::value(json_fields::clean_text(outcome.error, 4096));
  if (!outcome.reason.empty()) body["reason"] = outcome.reason.code();
  co_return json_response(body);
}

}  // namespace

std::vector<Endpoint> external_key_endpoints(ExternalKeyParts parts, const ApiLimits& limits) {
  constexpr auto kList = "/v1/organizations/external_keys";
  constexpr auto kOne = "/v1/organizations/external_keys/{external_key_id}";
  constexpr auto kValidate = "/v1/organizations/external_keys/{external_key_id}/validate";
  auto on = with_parts(parts);
  return {{.method = "POST",
           .pattern = kList,
           .access = Access::Admin,
           .handler = on(create_key),
           .body_limit = limits.json_body},
          {.method = "GET",
           .pattern = kList,
           .access = Access::Admin,
           .handler = on(list_keys),
           .body_limit = limits.json_body},
          {.method = "GET",
           .pattern = kOne,
           .access = Access::Admin,
           .handler = on(get_key),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kOne,
           .access = Access::Admin,
           .handler = on(update_key),
           .body_limit = limits.json_body},
          {.method = "DELETE",
           .pattern = kOne,
           .access = Access::Admin,
           .handler = on(delete_key),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kValidate,
           .access = Access::Admin,
           .handler = on(validate_key),
           .body_limit = limits.json_body}};
}

}  // namespace latchkey::api
