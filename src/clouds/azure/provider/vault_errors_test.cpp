#include "clouds/azure/provider/vault_errors.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clouds/azure/provider/reasons.hpp"

namespace latchkey::clouds::azure {
namespace {

using testing::HasSubstr;
using testing::Not;

const KeyTarget kTarget{{"contoso.vault.azure.net", "https://vault.azure.net"},
                        "my-key",
                        "72f988bf-86f1-41af-91ab-2d7cd011db47",
                        "8635ae1a-3e5d-44e8-a4ed-e0f614466f87",
                        "7.4"};

const Timestamp kNow = parse_timestamp("2026-01-02T03:04:05Z").value();

std::string body(std::string_view code, std::string_view inner, std::string_view message,
                 std::string_view inner_name = "innererror") {
  boost::json::object error{{"code", code}, {"message", message}};
  if (!inner.empty()) error[inner_name] = boost::json::object{{"code", inner}};
  return boost::json::serialize(boost::json::object{{"error", error}});
}

Error read(unsigned status, std::string text, Operation operation = Operation::Unwrap, http::Headers headers = {}) {
  headers.add("x-ms-request-id", "6d2a1c1e-0001-4a5e-9f0e-000000000001");
  return vault_error(kTarget, operation, {status, std::move(headers), std::move(text)}, kNow);
}

struct Row {
  std::string name;
  unsigned status;
  std::string body;
  ErrorCode code;
  Reason why;
  std::vector<std::string> says;
  Operation operation = Operation::Unwrap;
};

const std::string kRbac =
    "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
    "definitions were changed recently, please observe propagation time.\r\nCaller: appid=a;oid=o;iss=i\r\nAction: "
    "'Microsoft.KeyVault/vaults/keys/unwrap/action'\r\nResource: '/subscriptions/s'\r\nAssignment: (not found)\r\n"
    "Vault: contoso;location=eastus\r\n";

std::vector<Row> rows() {
  using enum ErrorCode;
  return {
      {"no token",
       401,
       body("Unauthorized", "", "AKV10000: Request is missing a Bearer or PoP token."),
       KeyDenied,
       reason::kTokenRefused,
       {"AKV10000", "az keyvault show --name contoso"}},
      {"wrong audience",
       401,
       body("Unauthorized", "", "AKV10022: Invalid audience. Expected https://vault.azure.net"),
       KeyDenied,
       reason::kTokenRefused,
       {"AKV10022"}},
      {"wrong issuer",
       401,
       body("Unauthorized", "", "AKV10032: Invalid issuer. Expected one of https://sts.windows.net"),
       KeyDenied,
       reason::kTenantMismatch,
       {"governed by another tenant", "properties.tenantId"}},
      {"expired token",
       401,
       body("Unauthorized", "", "[TokenExpired] Error validating token: 'S2S12086'."),
       KeyDenied,
       reason::kTokenRefused,
       {"TokenExpired"}},
      {"rbac",
       403,
       body("Forbidden", "ForbiddenByRbac", kRbac),
       KeyDenied,
       reason::kRoleMissing,
       {"az role assignment create --role \"Key Vault Crypto User\" --assignee 8635ae1a-3e5d-44e8-a4ed-e0f614466f87",
        "/keys/my-key", "Microsoft.KeyVault/vaults/keys/unwrap/action", "ten minutes"}},
      {"rbac, as one log spells it",
       403,
       body("Forbidden", "ForbiddenByRbac", kRbac, "innerError"),
       KeyDenied,
       reason::kRoleMissing,
       {"az role assignment create"}},
      {"policy",
       403,
       body("Forbidden", "ForbiddenByPolicy", "The user, group or application does not have keys wrapKey"),
       KeyDenied,
       reason::kAccessPolicyVault,
       {"access policies", "--enable-rbac-authorization true"}},
      {"first party",
       403,
       body("Forbidden", "AccessDenied", "Access denied to first party service."),
       KeyDenied,
       reason::kAccessDenied,
       {"Access denied to first party service"}},
      {"firewall",
       403,
       body("Forbidden", "ForbiddenByFirewall",
            "Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.9\r\n"
            "Caller: appid=a\r\nVault: contoso;location=eastus"),
       NetworkBlocked,
       reason::kVaultFirewall,
       {"203.0.113.9", "az keyvault network-rule add --name contoso"}},
      {"connection",
       403,
       body("Forbidden", "ForbiddenByConnection", "Public network access is disabled"),
       NetworkBlocked,
       reason::kPublicAccessDisabled,
       {"--public-network-access Enabled"}},
      {"connection without inner code",
       403,
       body("Forbidden", "", "Public network access is disabled and request is"),
       NetworkBlocked,
       reason::kPublicAccessDisabled,
       {}},
      {"firewall without inner code",
       403,
       body("Forbidden", "", "Client address is not authorized and caller is not"),
       NetworkBlocked,
       reason::kVaultFirewall,
       {}},
      {"disabled",
       403,
       body("Forbidden", "KeyDisabled", "Operation unwrapKey is not allowed on a disabled key."),
       KeyDenied,
       reason::kKeyDisabled,
       {"az keyvault key set-attributes --vault-name contoso --name my-key --enabled true"}},
      {"disabled without inner code",
       403,
       body("Forbidden", "", "Operation wrapKey is not allowed on a disabled key."),
       KeyDenied,
       reason::kKeyDisabled,
       {"--enabled true"}},
      {"expired",
       403,
       body("Forbidden", "KeyExpired", "Operation wrapKey is not allowed on an expired key."),
       KeyDenied,
       reason::kKeyExpired,
       {"--expires", "az keyvault key rotate --vault-name contoso --name my-key"}},
      {"expired without inner code",
       403,
       body("Forbidden", "", "Operation wrapKey is not allowed on an expired key."),
       KeyDenied,
       reason::kKeyExpired,
       {}},
      {"not yet valid",
       403,
       body("Forbidden", "KeyNotYetValid", "The key is not yet valid."),
       KeyDenied,
       reason::kKeyNotYetValid,
       {"--not-before"}},
      {"operation",
       403,
       body("Forbidden", "KeyOperationForbidden", "Operation unwrapKey is not permitted on this key."),
       KeyDenied,
       reason::kKeyOperation,
       {"does not permit unwrapKey", "--ops wrapKey unwrapKey"}},
      {"unknown refusal",
       403,
       body("Forbidden", "ForbiddenByMoon", "The moon is wrong."),
       KeyDenied,
       reason::kAccessDenied,
       {"The moon is wrong"}},
      {"refusal that is no JSON", 403, "<html>no</html>", KeyDenied, reason::kAccessDenied, {"does not say why"}},
      {"not found",
       404,
       body("KeyNotFound", "", "A key with (name/id) my-key was not found in this key vault."),
       KeyDenied,
       reason::kKeyNotFound,
       {"was deleted or never existed", "a deleted key can be recovered until it is purged",
        "az keyvault key recover --vault-name contoso --name my-key"}},
      {"not found, wrap",
       404,
       body("KeyNotFound", "", "x"),
       KeyDenied,
       reason::kKeyNotFound,
       {"deleted or never existed"},
       Operation::Wrap},
      {"not found, get",
       404,
       body("KeyNotFound", "", "x"),
       KeyDenied,
       reason::kKeyNotFound,
       {"deleted or never existed"},
       Operation::Get},
      {"deleted",
       409,
       body("Conflict", "ObjectIsDeletedButRecoverable", "Key my-key is currently deleted"),
       KeyDenied,
       reason::kKeyDeleted,
       {"az keyvault key recover"}},
      {"being deleted",
       409,
       body("Conflict", "ObjectIsBeingDeleted", "Key is currently being deleted."),
       KeyDenied,
       reason::kKeyDeleted,
       {"az keyvault key recover"}},
      {"other conflict", 409, body("Conflict", "", "Something else"), KeyUnreachable, reason::kProviderFault, {"409"}},
      {"bad ciphertext",
       400,
       body("BadParameter", "", "Error occurred while decoding OAEP padding."),
       Corrupt,
       reason::kWrappedKeyDamaged,
       {"did not wrap these bytes"}},
      {"bad api-version",
       400,
       body("BadParameter", "", "The specified version (9.9) is not recognized. Consider using the latest supported"),
       KeyUnreachable,
       reason::kRequestRejected,
       {"9.9"}},
      {"bad wrap",
       400,
       body("BadParameter", "", "Property has invalid value\r\n"),
       KeyUnreachable,
       reason::kRequestRejected,
       {"Property has invalid value"},
       Operation::Wrap},
      {"bad get", 400, body("BadParameter", "", "x"), KeyUnreachable, reason::kRequestRejected, {}, Operation::Get},
      {"somebody else's page", 404, "<html>404</html>", KeyUnreachable, reason::kProviderFault, {"404"}},
      {"throttled",
       429,
       body("Throttled", "", "Request was not processed because too many requests were received."),
       KeyUnreachable,
       reason::kThrottled,
       {"throttling"}},
      {"timeout", 408, "", KeyUnreachable, reason::kTimedOut, {"408"}},
      {"fault",
       500,
       body("InternalServerError", "", "x"),
       KeyUnreachable,
       reason::kProviderFault,
       {"500 InternalServerError", "no matter of configuration"}},
      {"unavailable", 503, "", KeyUnreachable, reason::kProviderFault, {"503"}},
      {"redirect", 302, "", KeyUnreachable, reason::kProviderFault, {"302"}},
      {"odd success", 204, "", KeyUnreachable, reason::kProviderFault, {"204"}},
  };
}

TEST(MissingRoles, MayBeAKeyOfAnotherVaultWhileNothingWasReadYet) {
  http::ClientResponse refusal{403, {}, body("Forbidden", "ForbiddenByRbac", kRbac)};
  constexpr std::string_view kHint = "or the key is in another vault";
  EXPECT_THAT(vault_error(kTarget, Operation::Get, refusal, kNow).message(), HasSubstr(std::string(kHint)));
  EXPECT_THAT(vault_error(kTarget, Operation::Unwrap, refusal, kNow).message(), Not(HasSubstr(std::string(kHint))));
}

TEST(VaultErrors, TheWholeTable) {
  for (const auto& row : rows()) {
    auto error = read(row.status, row.body, row.operation);
    EXPECT_EQ(error.code, row.code) << row.name << ": " << error.message();
    EXPECT_EQ(error.reason, row.why) << row.name;
    for (const auto& text : row.says) EXPECT_THAT(error.message(), HasSubstr(text)) << row.name;
    EXPECT_THAT(error.message(), HasSubstr("(x-ms-request-id: 6d2a1c1e-0001-4a5e-9f0e-000000000001)")) << row.name;
    EXPECT_EQ(error.message().find_first_of("\r\n"), std::string::npos) << row.name;
  }
}

TEST(VaultErrors, FirewallQuotesTheAddressFromTheHeaderToo) {
  auto error = read(403, body("Forbidden", "ForbiddenByFirewall", "no address here"), Operation::Wrap,
                    {{"x-ms-keyvault-network-info", "conn_type=Ipv4;addr=198.51.100.7;act_addr_fam=InterNetwork;"}});
  EXPECT_THAT(error.message(), HasSubstr("198.51.100.7"));
  EXPECT_THAT(error.message(), Not(HasSubstr("InterNetwork")));
}

TEST(VaultErrors, RetryAfterIsToldWithFaultsAlone) {
  http::Headers wait{{"Retry-After", "3"}};
  EXPECT_EQ(read(429, "", Operation::Wrap, wait).retry_after, std::chrono::seconds(3));
  EXPECT_EQ(read(503, "", Operation::Wrap, wait).retry_after, std::chrono::seconds(3));
  EXPECT_EQ(read(403, "", Operation::Wrap, wait).retry_after, std::nullopt);
}

TEST(VaultErrors, AManagedHsmHasItsOwnCommands) {
  auto target = kTarget;
  target.vault = {"contoso.managedhsm.azure.net", "https://managedhsm.azure.net"};
  auto error = vault_error(target, Operation::Wrap, {403, {}, body("Forbidden", "ForbiddenByRbac", kRbac)}, kNow);
  EXPECT_THAT(error.message(), HasSubstr("az keyvault role assignment create --hsm-name contoso"));
}

TEST(VaultErrors, StrangersTextIsBoundedAndClean) {
  std::string text = "evil\r\nlog line\x1b[31m \xc3\xa4";
  text += std::string(5000, 'x');
  auto error = read(403, body("Forbidden", "", text));
  EXPECT_LT(error.message().size(), 1500U);
  for (char c : error.message()) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
}

TEST(VaultErrors, OddShapesAreNoTrouble) {
  for (std::string text :
       {"", "null", "[]", "{}", R"({"error":null})", R"({"error":"x"})", R"({"error":{"code":1}})",
        R"({"error":{"code":"Forbidden","innererror":"x","message":{}}})", "{\"error\":{\"code\":\""}) {
    EXPECT_EQ(read(403, text).code, ErrorCode::KeyDenied) << text;
    EXPECT_EQ(read(500, text).code, ErrorCode::KeyUnreachable) << text;
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure
