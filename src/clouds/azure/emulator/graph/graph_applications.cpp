#include <array>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "base/utf8.hpp"
#include "clouds/azure/emulator/graph/graph.hpp"
#include "crypto/hash.hpp"

namespace latchkey::clouds::azure::emulator::graph {

namespace json = boost::json;

namespace {

using odata::FieldType;
using enum odata::Ability;

constexpr std::string_view kCollection = "applications";
constexpr std::size_t kMaxFederated = 20;
constexpr std::size_t kLongestName = 256;  // characters

json::object show_federated(const FederatedCredential& credential) {
  return {{"id", credential.id},
          {"name", credential.name},
          {"issuer", credential.issuer},
          {"subject", credential.subject},
          {"audiences", json::array{credential.audience}},
          {"description", credential.description}};
}

json::object show_secret(const SecretCredential& secret) {
  return {{"customKeyIdentifier", nullptr},
          {"displayName", secret.display_name},
          {"endDateTime", graph_time(secret.end)},
          {"hint", secret.hint},
          {"keyId", secret.key_id},
          {"secretText", nullptr},
          {"startDateTime", graph_time(secret.start)}};
}

// The same rules as for service principals (graph_service_principals.cpp).
constexpr auto kSchema = std::to_array<odata::Field>(
    {{"id", FieldType::Text, kEq | kNe | kIn},
     {"appId", FieldType::Text, kEq | kNe | kIn | kStartsWith},
     {"createdDateTime", FieldType::Time, kEq | kNe | kOrdered | kIn | kSortable},
     {"deletedDateTime", FieldType::Time, kEq | kNe | kOrdered | kNull},
     {"displayName", FieldType::Text, kEq | kNe | kOrdered | kIn | kStartsWith | kNull | kSortable},
     {"identifierUris", FieldType::TextList, kEq | kStartsWith},
     {"publisherDomain", FieldType::Text, kEq | kNe | kOrdered | kStartsWith | kNull},
     {"signInAudience", FieldType::Text, kEq | kNe},
     {"tags", FieldType::TextList, kEq | kStartsWith},
     {"keyCredentials", FieldType::Other},
     {"passwordCredentials", FieldType::Other},
     {"requiredResourceAccess", FieldType::Other},
     {"addIns", FieldType::Other},
     {"api", FieldType::Other},
     {"appRoles", FieldType::Other},
     {"applicationTemplateId", FieldType::Other},
     {"certification", FieldType::Other},
     {"defaultRedirectUri", FieldType::Other},
     {"description", FieldType::Other},
     {"disabledByMicrosoftStatus", FieldType::Other},
     {"groupMembershipClaims", FieldType::Other},
     {"info", FieldType::Other},
     {"isDeviceOnlyAuthSupported", FieldType::Other},
     {"isFallbackPublicClient", FieldType::Other},
     {"notes", FieldType::Other},
     {"optionalClaims", FieldType::Other},
     {"parentalControlSettings", FieldType::Other},
     {"publicClient", FieldType::Other},
     {"requestSignatureVerification", FieldType::Other},
     {"samlMetadataUrl", FieldType::Other},
     {"serviceManagementReference", FieldType::Other},
     {"servicePrincipalLockConfiguration", FieldType::Other},
     {"spa", FieldType::Other},
     {"tokenEncryptionKeyId", FieldType::Other},
     {"uniqueName", FieldType::Other},
     {"verifiedPublisher", FieldType::Other},
     {"web", FieldType::Other}});
constexpr Collection kApplications{kCollection, "application", kSchema};

constexpr auto kFederatedSchema = std::to_array<odata::Field>({{"id", FieldType::Text, kEq | kIn},
                                                               {"name", FieldType::Text, kEq | kIn | kStartsWith},
                                                               {"issuer", FieldType::Text, kEq | kIn | kStartsWith},
                                                               {"subject", FieldType::Text, kEq | kIn | kStartsWith},
                                                               {"audiences", FieldType::TextList, kEq | kStartsWith},
                                                               {"description", FieldType::Text, kEq | kNull},
                                                               {"claimsMatchingExpression", FieldType::Other}});
constexpr Collection kFederated{"federatedIdentityCredentials", "federatedIdentityCredential", kFederatedSchema};

// Only the home tenant sees an application. `AnyModel` is a model, or a const one.
template <class AnyModel>
auto find(const Call& call, AnyModel& model) -> decltype(&model.applications.begin()->second) {
  auto app_id = app_id_in(call.path[0], kCollection);
  for (auto& [id, app] : model.applications) {
    if (app.tenant_id != call.caller.tenant_id) continue;
    if (app_id.empty() ? same(app.object_id, call.path[1]) : id == app_id) return &app;
  }
  return nullptr;
}

const std::string& name_of(const Call& call) {
  return call.path.size() > 1 ? call.path[1] : call.path[0];
}

// Changes one application and shows what `edit` returns.
template <class Edit>
Outcome<json::object> edit_application(const Call& call, Edit edit) {
  return call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    auto* app = find(call, model);
    if (app == nullptr) return not_found(name_of(call));
    return edit(*app);
  });
}

json::array all_of(const Call& call) {
  json::array items;
  for (const auto& [id, app] : call.model->applications) {
    if (app.tenant_id == call.caller.tenant_id) items.push_back(show_application(app));
  }
  return items;
}

Outcome<http::Response> list(const Call& call) {
  LATCHKEY_TRYV(call.require_reader());
  return list_response(call, kApplications, all_of(call));
}

Outcome<http::Response> count(const Call& call) {
  LATCHKEY_TRYV(call.require_reader());
  return count_response(call, kApplications, all_of(call));
}

Outcome<void> check_length(std::string_view property, std::string_view text, std::size_t most) {
  if (utf8::utf16_units(text) <= most) return success();
  return bad_request(
      fmt::format("Property '{}' has more than {} characters, the most that it may have.", property, most));
}

Outcome<http::Response> create(const Call& call) {
  LATCHKEY_TRYV(call.require_administrator());
  LATCHKEY_TRY(auto body, read_body(call.request));
  auto name = text_of(body, "displayName");
  if (name.empty()) return bad_request("A value is required for property 'displayName' of resource 'Application'.");
  LATCHKEY_TRYV(check_length("displayName", name, kLongestName));
  Application app;
  app.object_id = new_guid(call.cloud.random);
  app.app_id = new_guid(call.cloud.random);
  app.display_name = json_fields::clean_text(name, std::string::npos);
  app.tenant_id = call.caller.tenant_id;
  app.multi_tenant = begins_with(text_of(body, "signInAudience"), "AzureADMultipleOrgs");
  app.created = call.now;
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    auto result = show_application(app);
    model.applications[app.app_id] = app;
    return result;
  }));
  return json_response(201, shown);
}

Outcome<http::Response> get(const Call& call) {
  LATCHKEY_TRYV(call.require_reader());
  const auto* app = find(call, *call.model);
  if (app == nullptr) return not_found(name_of(call));
  return item_response(call, kApplications, show_application(*app));
}

Outcome<http::Response> remove(const Call& call) {
  LATCHKEY_TRYV(call.require_administrator());
  LATCHKEY_TRYV(call.cloud.state.change([&](Model& model) -> Outcome<bool> {
    auto* app = find(call, model);
    if (app == nullptr) return not_found(name_of(call));
    auto app_id = app->app_id;
    model.applications.erase(app_id);
    std::erase_if(model.service_principals, [&](const auto& entry) { return entry.second.app_id == app_id; });
    return true;
  }));
  return empty_response(204);
}

// The response shows the secret once; the model keeps only its hash.
Outcome<http::Response> add_password(const Call& call) {
  constexpr Seconds kTwoYears = Seconds{2} * 365 * 86400;
  constexpr std::size_t kHintSize = 3;
  LATCHKEY_TRYV(call.require_administrator());
  LATCHKEY_TRY(auto body, read_body(call.request));
  const auto* wished = body.if_contains("passwordCredential");
  auto fields = wished != nullptr && wished->is_object() ? wished->get_object() : json::object();
  SecretCredential secret;
  secret.key_id = new_guid(call.cloud.random);
  secret.display_name = json_fields::clean_text(text_of(fields, "displayName"), std::string::npos);
  LATCHKEY_TRYV(check_length("displayName", secret.display_name, kLongestName));
  secret.start = call.now;
  secret.end = call.now + kTwoYears;
  if (auto end = text_of(fields, "endDateTime"); !end.empty()) {
    auto parsed = parse_timestamp(end);
    if (!parsed) return bad_request("The property 'endDateTime' is not a date.");
    secret.end = std::chrono::duration_cast<std::chrono::seconds>(parsed.value().time_since_epoch()).count();
  }
  Bytes raw(30);
  call.cloud.random.fill(raw);
  auto text = base64url_encode(raw);
  secret.hint = text.substr(0, kHintSize);
  secret.sha256 = hex_encode(crypto::sha256(as_bytes(text)));
  LATCHKEY_TRY(auto shown, edit_application(call, [&](Application& app) -> Outcome<json::object> {
                 app.secrets.push_back(secret);
                 return show_secret(secret);
               }));
  shown["secretText"] = text;
  return json_response(200, shown);
}

Outcome<http::Response> remove_password(const Call& call) {
  LATCHKEY_TRYV(call.require_administrator());
  LATCHKEY_TRY(auto body, read_body(call.request));
  auto key_id = text_of(body, "keyId");
  LATCHKEY_TRYV(edit_application(call, [&](Application& app) -> Outcome<json::object> {
    auto gone = std::erase_if(app.secrets, [&](const SecretCredential& secret) { return same(secret.key_id, key_id); });
    if (gone == 0) return bad_request("No password credential found with keyId.");
    return json::object();
  }));
  return empty_response(204);
}

Outcome<FederatedCredential> read_federated(const Call& call) {
  constexpr std::size_t kLongestOfName = 120;  // characters, as the next
  constexpr std::size_t kLongest = 600;
  LATCHKEY_TRY(auto body, read_body(call.request));
  FederatedCredential credential{
      new_guid(call.cloud.random), text_of(body, "name"), text_of(body, "issuer"), text_of(body, "subject"), {},
      text_of(body, "description")};
  const auto* audiences = body.if_contains("audiences");
  if (audiences == nullptr || !audiences->is_array() || audiences->get_array().size() != 1 ||
      !audiences->get_array()[0].is_string()) {
    return bad_request("The property 'audiences' must be a list of exactly one audience.");
  }
  credential.audience = std::string(audiences->get_array()[0].get_string());
  for (const auto* text : {&credential.name, &credential.issuer, &credential.subject, &credential.audience}) {
    if (text->empty()) return bad_request("The properties 'name', 'issuer', 'subject' and 'audiences' are required.");
  }
  LATCHKEY_TRYV(check_length("name", credential.name, kLongestOfName));
  LATCHKEY_TRYV(check_length("issuer", credential.issuer, kLongest));
  LATCHKEY_TRYV(check_length("subject", credential.subject, kLongest));
  LATCHKEY_TRYV(check_length("audiences", credential.audience, kLongest));
  LATCHKEY_TRYV(check_length("description", credential.description, kLongest));
  return credential;
}

Outcome<http::Response> add_federated(const Call& call) {
  LATCHKEY_TRYV(call.require_administrator());
  LATCHKEY_TRY(auto credential, read_federated(call));
  LATCHKEY_TRY(
      auto shown, edit_application(call, [&](Application& app) -> Outcome<json::object> {
        if (app.federated.size() >= kMaxFederated) {
          return bad_request("The application has 20 federated identity credentials, the most that it may have.");
        }
        for (const auto& other : app.federated) {
          bool is_twin = other.issuer == credential.issuer && other.subject == credential.subject;
          if (is_twin || other.name == credential.name) {
            return Refusal{409, "Request_MultipleObjectsWithSameKeyValue",
                           is_twin
                               ? "FederatedIdentityCredential with the same issuer and subject already exists on app."
                               : "FederatedIdentityCredential with name already exists on app."};
          }
        }
        app.federated.push_back(credential);
        return show_federated(credential);
      }));
  return json_response(201, shown);
}

Outcome<http::Response> get_federated(const Call& call) {
  LATCHKEY_TRYV(call.require_reader());
  const auto* app = find(call, *call.model);
  if (app == nullptr) return not_found(name_of(call));
  json::array items;
  for (const auto& credential : app->federated) {
    if (call.path.size() == 4 && (same(credential.id, call.path[3]) || credential.name == call.path[3])) {
      return item_response(call, kFederated, show_federated(credential));
    }
    items.push_back(show_federated(credential));
  }
  if (call.path.size() == 4) return not_found(call.path[3]);
  return list_response(call, kFederated, std::move(items));
}

Outcome<http::Response> remove_federated(const Call& call) {
  LATCHKEY_TRYV(call.require_administrator());
  LATCHKEY_TRYV(edit_application(call, [&](Application& app) -> Outcome<json::object> {
    auto gone = std::erase_if(app.federated, [&](const FederatedCredential& credential) {
      return same(credential.id, call.path[3]) || credential.name == call.path[3];
    });
    if (gone == 0) return not_found(call.path[3]);
    return json::object();
  }));
  return empty_response(204);
}

}  // namespace

json::object show_application(const Application& app) {
  json::array secrets;
  for (const auto& secret : app.secrets) secrets.push_back(show_secret(secret));
  json::array certificates;
  for (const auto& certificate : app.certificates) {
    certificates.push_back(json::object{
        {"keyId", certificate.key_id}, {"type", "AsymmetricX509Cert"}, {"usage", "Verify"}, {"key", nullptr}});
  }
  return {{"id", app.object_id},
          {"deletedDateTime", nullptr},
          {"appId", app.app_id},
          {"createdDateTime", graph_time(app.created)},
          {"displayName", app.display_name},
          {"identifierUris", json::array()},
          {"publisherDomain", nullptr},
          {"signInAudience", app.multi_tenant ? "AzureADMultipleOrgs" : "AzureADMyOrg"},
          {"tags", json::array()},
          {"keyCredentials", std::move(certificates)},
          {"passwordCredentials", std::move(secrets)},
          {"requiredResourceAccess", json::array()}};
}

std::optional<Outcome<http::Response>> handle_applications(Call& call) {
  const auto& method = call.method();
  bool gets = method == "GET";
  if (call.is({kCollection}) && gets) return list(call);
  if (call.is({kCollection}) && method == "POST") return create(call);
  if (call.is({kCollection, "$count"}) && gets) return count(call);
  bool by_app_id = call.path.size() == 1 && !app_id_in(call.path[0], kCollection).empty();
  if (by_app_id || call.is({kCollection, "*"})) {
    if (gets) return get(call);
    if (method == "DELETE") return remove(call);
    return std::nullopt;
  }
  if (call.is({kCollection, "*", "addPassword"}) && method == "POST") return add_password(call);
  if (call.is({kCollection, "*", "removePassword"}) && method == "POST") return remove_password(call);
  if (call.is({kCollection, "*", "federatedIdentityCredentials"})) {
    if (gets) return get_federated(call);
    if (method == "POST") return add_federated(call);
  }
  if (call.is({kCollection, "*", "federatedIdentityCredentials", "*"})) {
    if (gets) return get_federated(call);
    if (method == "DELETE") return remove_federated(call);
  }
  return std::nullopt;
}

}  // namespace latchkey::clouds::azure::emulator::graph
