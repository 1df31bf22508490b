#include "api/error_body.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "admin/reasons.hpp"
#include "data/ciphertext_errors.hpp"
#include "kms/reasons.hpp"
#include "testing/reasons.hpp"

namespace latchkey::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Case {
  Error error;
  unsigned status;
  std::string_view type, code, message;
  std::optional<seconds> retry_after = std::nullopt;
};

TEST(ToWire, GivesEveryErrorItsStatusTypeAndCode) {
  const Case kCases[] = {
      {{ErrorCode::Invalid, "m"}, 400, "invalid_request_error", "", "m"},
      {{ErrorCode::Invalid, "m", admin::reason::kExternalKeyValidationFailed},
       400,
       "invalid_request_error",
       "external_key_validation_failed",
       "m"},
      {{ErrorCode::Unauthenticated, "m"}, 401, "authentication_error", "", "m"},
      {{ErrorCode::PermissionDenied, "m"}, 403, "permission_error", "", "m"},
      {{ErrorCode::NotFound, "m"}, 404, "not_found_error", "", "m"},
      {{ErrorCode::Conflict, "m", admin::reason::kExternalKeyChanged},
       409,
       "conflict_error",
       "external_key_changed",
       "m"},
      {{ErrorCode::TooLarge, "m"}, 413, "request_too_large", "", "m"},
      {{ErrorCode::KeyDenied, "Enable version 3.", kms::reason::kKeyDisabled},
       400,
       "invalid_request_error",
       "cmek_key_disabled",
       "Customer-managed encryption key is disabled or revoked. Re-enable the key to restore access. Enable version "
       "3."},
      {{ErrorCode::NetworkBlocked, "Add 192.0.2.1.", latchkey::testing::kVaultFirewall},
       400,
       "invalid_request_error",
       "cmek_key_network_blocked",
       "The request was blocked by the key management service's network access controls. Allow this service's "
       "published addresses, then try again. Add 192.0.2.1."},
      {{ErrorCode::KeyUnreachable, "503."},
       503,
       "overloaded_error",
       "cmek_key_unreachable",
       "The workspace's customer-managed encryption key could not be reached. Try again shortly. 503.",
       seconds(5)},
      {{ErrorCode::KeyUnreachable, "", kms::reason::kThrottled, "", "", milliseconds(12'001)},
       503,
       "overloaded_error",
       "cmek_key_unreachable",
       "The workspace's customer-managed encryption key could not be reached. Try again shortly.",
       seconds(13)},
      {{ErrorCode::ContextUnavailable, "m", {}, "", "", milliseconds(1)},
       503,
       "overloaded_error",
       "cmek_context_unavailable",
       "m",
       seconds(1)},
      {{ErrorCode::WrongKey, "m", data::error_code::kCiphertextWrongKey},
       400,
       "invalid_request_error",
       "ciphertext_wrong_key",
       "m"},
      {{ErrorCode::Corrupt, "m", data::error_code::kCiphertextCorrupt},
       400,
       "invalid_request_error",
       "ciphertext_corrupt",
       "m"},
      {{ErrorCode::Corrupt, "the wrapped key is damaged"},
       500,
       "api_error",
       "data_key_corrupt",
       "the wrapped key is damaged"},
      {{ErrorCode::DeadlineExceeded, "m"}, 504, "timeout_error", "", "m"},
      {{ErrorCode::Unavailable, "disk full"}, 503, "overloaded_error", "", "disk full", seconds(5)},
      {{ErrorCode::Internal, "SELECT failed at 0x1234"},
       500,
       "api_error",
       "",
       "Something went wrong on our side. The server's log has the cause under this request_id."},
  };
  for (const auto& c : kCases) {
    auto wire = to_wire(c.error);
    EXPECT_EQ(wire.status, c.status) << c.message;
    EXPECT_EQ(wire.type, c.type);
    EXPECT_EQ(wire.error_code, c.code);
    EXPECT_EQ(wire.message, c.message);
    EXPECT_EQ(wire.retry_after, c.retry_after) << c.message;
  }
}

TEST(ToWire, TellsWhyTheKeyDoesNotServe) {
  EXPECT_EQ(to_wire({ErrorCode::KeyDenied, "m", kms::reason::kRoleMissing}).reason, "role_missing");
  EXPECT_EQ(to_wire({ErrorCode::Invalid, "m", admin::reason::kExternalKeyChanged}).reason, "");
}

TEST(ErrorResponse, HasTheContractsShape) {
  WireError error;
  error.status = 400;
  error.type = "invalid_request_error";
  error.message = "No.";
  error.error_code = "workspace_policy_violation";
  error.retry_after = seconds(7);
  auto response = error_response(error, "req_1");
  EXPECT_EQ(response.status, 400U);
  EXPECT_EQ(response.headers.get("content-type"), "application/json");
  EXPECT_EQ(response.headers.get("request-id"), "req_1");
  EXPECT_EQ(response.headers.get("retry-after"), "7");
  EXPECT_FALSE(response.headers.has("x-should-retry"));
  EXPECT_EQ(boost::json::parse(response.body),
            boost::json::parse(R"({"type":"error","error":{"type":"invalid_request_error","message":"No.",
                "details":{"error_code":"workspace_policy_violation"}},
                "request_id":"req_1"})"));
}

TEST(ErrorResponse, LeavesDetailsOutWhereThereIsNoCode) {
  auto body = boost::json::parse(error_response(to_wire({ErrorCode::NotFound, "m"}), "req_1").body);
  EXPECT_FALSE(body.at("error").as_object().contains("details"));
}

TEST(ErrorResponse, IsValidJsonWhateverTheMessageHolds) {
  auto response =
      error_response(to_wire({ErrorCode::Invalid, "bad \xff \n \"quoted\" " + std::string(9000, 'x')}), "r");
  auto body = boost::json::parse(response.body);
  EXPECT_TRUE(body.at("error").at("message").as_string().starts_with("bad \xef\xbf\xbd \xef\xbf\xbd \"quoted\" xxx"));
  EXPECT_LE(body.at("error").at("message").as_string().size(), 4096U);
}

TEST(ErrorResponse, TellsClientsNotToRepeatWhatCannotSucceed) {
  auto response = error_response(to_wire({ErrorCode::Corrupt, "m"}), "r");
  EXPECT_EQ(response.headers.get("x-should-retry"), "false");
}

}  // namespace
}  // namespace latchkey::api
