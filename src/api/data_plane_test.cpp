#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"
#include "envelope/record.hpp"
#include "kms/reasons.hpp"
#include "testing/reasons.hpp"

namespace latchkey::api {
namespace {

using testing::ApiResponse;
using testing::expect_refused;

std::string b64(std::string_view text) {
  return base64_encode(as_bytes(text));
}

struct DataPlaneTest : ::testing::Test {
  testing::ApiFixture fixture;

  ApiResponse call(const std::string& workspace, std::string_view operation, std::string body, std::string key = "") {
    return fixture.call("POST", "/v1/workspaces/" + workspace + "/" + std::string(operation),
                        key.empty() ? fixture.service_key : std::move(key), std::move(body));
  }
  ApiResponse encrypt(const std::string& workspace, std::string_view plaintext, std::string_view context = "{}") {
    return call(workspace, "encrypt",
                R"({"plaintext":")" + b64(plaintext) + R"(","context":)" + std::string(context) + "}");
  }
  ApiResponse decrypt(const std::string& workspace, const std::string& ciphertext, std::string_view context = "{}") {
    return call(workspace, "decrypt",
                R"({"ciphertext":")" + ciphertext + R"(","context":)" + std::string(context) + "}");
  }
  ApiResponse raw(const std::string& workspace, std::string_view operation, std::string body,
                  std::string context = "") {
    http::Headers headers{{"content-type", "application/octet-stream"}};
    if (!context.empty()) headers.add("latchkey-context", base64url_encode(as_bytes(context)));
    return fixture.call("POST", "/v1/workspaces/" + workspace + "/" + std::string(operation), fixture.service_key,
                        std::move(body), std::move(headers));
  }
  // Past the soft age of every lease and the memory of every refusal, so that the customer's key is asked again.
  void let_leases_age() { fixture.clock.advance(std::chrono::seconds(61)); }
};

TEST_F(DataPlaneTest, EncryptsAndDecryptsUnderTheCustomersKey) {
  auto workspace = fixture.make_locked_workspace();
  auto sealed = encrypt(workspace.id, "hello", R"({"user":"1","table":"t"})");
  ASSERT_EQ(sealed.status, 200U) << sealed.body;
  EXPECT_EQ(sealed.json.as_object().size(), 3U);
  EXPECT_EQ(sealed.text("/external_key_id"), workspace.external_key_id);
  EXPECT_TRUE(parse_id(id_prefix::kDataKey, sealed.text("/data_key_id")));
  EXPECT_EQ(sealed.headers.get("anthropic-workspace-id"), workspace.id);
  EXPECT_EQ(sealed.headers.get("latchkey-workspace-id"), workspace.id);

  auto opened = decrypt(workspace.id, sealed.text("/ciphertext"), R"({"table":"t","user":"1"})");
  ASSERT_EQ(opened.status, 200U) << opened.body;
  EXPECT_EQ(opened.json, (boost::json::value{{"plaintext", b64("hello")},
                                             {"data_key_id", sealed.text("/data_key_id")},
                                             {"external_key_id", *workspace.external_key_id}}));
}

TEST_F(DataPlaneTest, WithoutACustomersKeyThePlatformsOwnServes) {
  auto workspace = fixture.make_workspace();
  auto sealed = encrypt(workspace.id, "");
  ASSERT_EQ(sealed.status, 200U) << sealed.body;
  EXPECT_TRUE(sealed.at("/external_key_id").is_null());
  EXPECT_EQ(decrypt(workspace.id, sealed.text("/ciphertext")).text("/plaintext"), "");
}

TEST_F(DataPlaneTest, WhatWasWrittenBeforeTheKeyStaysReadable) {
  auto workspace = fixture.make_workspace();
  auto before = encrypt(workspace.id, "old").text("/ciphertext");
  ASSERT_TRUE(fixture.attach(workspace.id, fixture.make_key().row.id));
  auto after = encrypt(workspace.id, "new");
  EXPECT_FALSE(after.at("/external_key_id").is_null());
  EXPECT_EQ(decrypt(workspace.id, before).text("/plaintext"), b64("old"));
  EXPECT_EQ(decrypt(workspace.id, after.text("/ciphertext")).text("/plaintext"), b64("new"));
}

TEST_F(DataPlaneTest, RawBytesGoInAndOut) {
  auto workspace = fixture.make_locked_workspace();
  std::string data("\0\xff binary \n", 11);
  auto sealed = raw(workspace.id, "encrypt", data, R"({"file":"a"})");
  ASSERT_EQ(sealed.status, 200U) << sealed.body;
  EXPECT_EQ(sealed.headers.get("content-type"), "application/octet-stream");
  EXPECT_EQ(sealed.headers.get("latchkey-external-key-id"), *workspace.external_key_id);
  EXPECT_EQ(sealed.body.size(), data.size() + envelope::kRecordOverhead);
  auto opened = raw(workspace.id, "decrypt", sealed.body, R"({ "file" : "a" })");
  EXPECT_EQ(opened.body, data);
  EXPECT_EQ(opened.headers.get("latchkey-data-key-id"), sealed.headers.get("latchkey-data-key-id"));
  EXPECT_EQ(decrypt(workspace.id, b64(sealed.body), R"({"file":"a"})").text("/plaintext"), b64(data))
      << "one format, however it travels";
  EXPECT_EQ(raw(workspace.id, "decrypt", sealed.body).code(), "ciphertext_corrupt");
  auto garbled = fixture.call("POST", "/v1/workspaces/" + workspace.id + "/encrypt", fixture.service_key, "x",
                              {{"content-type", "application/octet-stream"}, {"latchkey-context", "{}"}});
  expect_refused(garbled, 400, "invalid_request_error",
                 "latchkey-context: Input should be base64url of a JSON object, without padding");
}

TEST_F(DataPlaneTest, TheLargestThatIsEncryptedIsDecryptedToo) {
  auto workspace = fixture.make_workspace();
  std::string largest(16 * 1024 * 1024, 'x');
  auto sealed = raw(workspace.id, "encrypt", largest);
  ASSERT_EQ(sealed.status, 200U);
  EXPECT_EQ(raw(workspace.id, "decrypt", std::move(sealed.body)).body, largest);
  expect_refused(raw(workspace.id, "encrypt", largest + "x"), 413, "request_too_large",
                 "The request body is larger than the 16777216 bytes that this call takes.");

  std::string frame = R"({"plaintext":"","context":{}})";
  std::string text((1024 * 1024 - frame.size()) / 4 * 3, 'y');
  auto in_json = encrypt(workspace.id, text);
  ASSERT_EQ(in_json.status, 200U) << in_json.body.substr(0, 200);
  EXPECT_EQ(decrypt(workspace.id, in_json.text("/ciphertext")).text("/plaintext"), b64(text));
}

TEST_F(DataPlaneTest, ARecordWithAnyByteChangedDoesNotOpen) {
  auto workspace = fixture.make_locked_workspace();
  auto record = base64_decode(encrypt(workspace.id, "secret").text("/ciphertext")).value();
  for (std::size_t i = 0; i < record.size(); ++i) {
    auto damaged = record;
    damaged[i] ^= 0x04;
    auto response = decrypt(workspace.id, base64_encode(damaged));
    EXPECT_EQ(response.status, 400U) << i << response.body;
    EXPECT_EQ(response.error_type(), "invalid_request_error");
    std::string_view expected = i < 4    ? "ciphertext_not_recognized"  // magic, version, algorithm
                                : i < 76 ? "ciphertext_wrong_key"       // data key id, nonce, commitment
                                         : "ciphertext_corrupt";        // ciphertext, tag
    EXPECT_EQ(response.code(), expected) << i << response.body;
    EXPECT_EQ(response.body.find("plaintext\""), std::string::npos);
  }
  for (std::size_t size :
       {std::size_t{0}, std::size_t{3}, std::size_t{19}, std::size_t{20}, envelope::kRecordOverhead - 1}) {
    auto response = decrypt(workspace.id, base64_encode(ByteView(record).first(size)));
    EXPECT_EQ(response.status, 400U) << size;
    EXPECT_EQ(response.code(), "ciphertext_not_recognized") << size << response.body;
  }
  EXPECT_EQ(decrypt(workspace.id, base64_encode(ByteView(record).first(record.size() - 1))).code(),
            "ciphertext_corrupt");
}

TEST_F(DataPlaneTest, AnotherContextOrWorkspaceDoesNotOpenARecord) {
  auto workspace = fixture.make_locked_workspace("one");
  auto ciphertext = encrypt(workspace.id, "secret", R"({"user":"1"})").text("/ciphertext");
  for (auto context : {"{}", R"({"user":"2"})", R"({"user":"1","x":""})", R"({"User":"1"})"}) {
    expect_refused(decrypt(workspace.id, ciphertext, context), 400, "invalid_request_error",
                   "The ciphertext does not open: it is damaged, or it was encrypted with another context. Send it "
                   "unchanged, with the context it was encrypted with.",
                   "ciphertext_corrupt");
  }
  auto sibling = fixture.make_locked_workspace("two");
  (void)encrypt(sibling.id, "x");
  auto foreign = decrypt(sibling.id, ciphertext, R"({"user":"1"})");
  EXPECT_EQ(foreign.status, 400U);
  EXPECT_EQ(foreign.code(), "ciphertext_wrong_key");
  EXPECT_TRUE(foreign.message().ends_with("which workspace " + sibling.id +
                                          " does not have. It was encrypted in another workspace, or it is damaged."))
      << foreign.message();
}

TEST_F(DataPlaneTest, EveryFailureOfTheKeyReachesTheCaller) {
  auto workspace = fixture.make_locked_workspace();
  auto ciphertext = encrypt(workspace.id, "secret").text("/ciphertext");
  struct Case {
    Error failure;
    unsigned status;
    std::string_view type, code, message, reason;
  };
  const Case kCases[] = {
      {{ErrorCode::KeyDenied, "Key cmek is disabled.", kms::reason::kKeyDisabled},
       400,
       "invalid_request_error",
       "cmek_key_disabled",
       "Customer-managed encryption key is disabled or revoked. Re-enable the key to restore access. ",
       "key_disabled"},
      {{ErrorCode::NetworkBlocked, "The firewall says no.", latchkey::testing::kVaultFirewall},
       400,
       "invalid_request_error",
       "cmek_key_network_blocked",
       "The request was blocked by the key management service's network access controls. ",
       "vault_firewall"},
  };
  for (const auto& c : kCases) {
    let_leases_age();
    fixture.provider.failure = c.failure;
    for (const auto& response : {encrypt(workspace.id, "x"), decrypt(workspace.id, ciphertext)}) {
      EXPECT_EQ(response.status, c.status) << response.body;
      EXPECT_EQ(response.error_type(), c.type);
      EXPECT_EQ(response.code(), c.code);
      EXPECT_TRUE(response.message().starts_with(c.message)) << response.message();
      EXPECT_NE(response.message().find(c.failure.message()), std::string::npos) << response.message();
      EXPECT_EQ(response.text("/error/details/reason"), c.reason);
      EXPECT_FALSE(response.headers.has("retry-after"));
    }
    fixture.provider.failure.reset();
    let_leases_age();
    EXPECT_EQ(decrypt(workspace.id, ciphertext).text("/plaintext"), b64("secret")) << "re-enabling restores access";
  }
}

TEST_F(DataPlaneTest, AnOutageIsToldFromARefusal) {
  auto workspace = fixture.make_locked_workspace();
  fixture.provider.failure =
      Error{ErrorCode::KeyUnreachable,      "The vault answers 503.", kms::reason::kProviderFault, "", "",
            std::chrono::milliseconds(8500)};
  auto response = encrypt(workspace.id, "x");
  EXPECT_EQ(response.status, 503U) << response.body;
  EXPECT_EQ(response.error_type(), "overloaded_error");
  EXPECT_EQ(response.code(), "cmek_key_unreachable");
  EXPECT_EQ(response.headers.get("retry-after"), "9");
  EXPECT_TRUE(response.message().starts_with(
      "The workspace's customer-managed encryption key could not be reached. Try again shortly. "))
      << response.message();
}

TEST_F(DataPlaneTest, AnOutageIsBridgedByLeases) {
  auto workspace = fixture.make_locked_workspace();
  auto ciphertext = encrypt(workspace.id, "secret").text("/ciphertext");
  let_leases_age();
  fixture.provider.failure = Error{ErrorCode::KeyUnreachable, "The vault answers 503."};
  EXPECT_EQ(decrypt(workspace.id, ciphertext).status, 200U);
}

TEST_F(DataPlaneTest, MalformedRequestsAreRefused) {
  auto id = fixture.make_workspace().id;
  auto refused = [&](std::string_view operation, std::string body, std::string_view message) {
    expect_refused(call(id, operation, std::move(body)), 400, "invalid_request_error", message);
  };
  refused("encrypt", "", "The request body is empty. Send a JSON object.");
  refused("encrypt", "{}", "plaintext: Field required");
  refused("encrypt", R"({"plaintext":1})", "plaintext: Input should be a valid string");
  refused("encrypt", R"({"plaintext":null})", "plaintext: Input should be a valid string");
  for (auto bad : {"a", "aGVsbG8", "aGVsbG8=\\n", "aGVsbG_=", "aGVsbG9="}) {
    refused("encrypt", R"({"plaintext":")" + std::string(bad) + "\"}",
            "plaintext: Input should be base64 (RFC 4648 section 4, with padding)");
  }
  refused("encrypt", R"({"plaintext":"","key":"x"})", "key: Extra inputs are not permitted");
  refused("encrypt", R"({"plaintext":"","context":"x"})", "context: Input should be an object of strings");
  refused("encrypt", R"({"plaintext":"","context":{"a":1}})", "context.a: Input should be a valid string");
  refused("encrypt", R"({"plaintext":"","context":{"a":"1","a":"2"}})", "a: Field given twice");
  auto large = encrypt(id, "", R"({"a":")" + std::string(8192, 'x') + "\"}");
  EXPECT_EQ(large.status, 400U);
  EXPECT_TRUE(large.message().starts_with("context: ")) << large.message();
  refused("decrypt", "{}", "ciphertext: Field required");
  refused("decrypt", R"({"ciphertext":"!"})", "ciphertext: Input should be base64 (RFC 4648 section 4, with padding)");
  refused("encrypt_batch", "{}", "items: Field required");
  refused("encrypt_batch", R"({"items":{}})", "items: Input should be a list");
  refused("data_keys", R"({"x":1})", "x: Extra inputs are not permitted");
}

TEST_F(DataPlaneTest, WorkspacesOfOthersAreNotThere) {
  auto mine = fixture.make_workspace("mine");
  auto sibling = fixture.make_workspace("sibling");
  auto key = fixture.make_api_key(store::Role::Workspace, mine.id);
  EXPECT_EQ(call(mine.id, "encrypt", R"({"plaintext":""})", key).status, 200U);
  for (const auto& id : {sibling.id, fixture.other.default_workspace.id, std::string("wrkspc_none")}) {
    for (const auto& credential : {key, id == sibling.id ? key : fixture.service_key}) {
      auto response = call(id, "encrypt", R"({"plaintext":""})", credential);
      expect_refused(response, 404, "not_found_error", "There is no workspace " + id + " that this API key may use.");
      EXPECT_FALSE(response.headers.has("anthropic-workspace-id"));
    }
  }
}

TEST_F(DataPlaneTest, AnArchivedWorkspaceIsReadOnly) {
  auto workspace = fixture.make_locked_workspace();
  auto ciphertext = encrypt(workspace.id, "kept").text("/ciphertext");
  ASSERT_EQ(fixture.post("/v1/organizations/workspaces/" + workspace.id + "/archive").status, 200U);
  EXPECT_EQ(decrypt(workspace.id, ciphertext).text("/plaintext"), b64("kept"));
  expect_refused(encrypt(workspace.id, "x"), 400, "invalid_request_error",
                 "Workspace " + workspace.id +
                     " is archived: its data can be read, but nothing new can be encrypted in it. Use another "
                     "workspace.");
  EXPECT_EQ(call(workspace.id, "data_keys", "").status, 400U);
}

TEST_F(DataPlaneTest, BatchesGiveEachItemItsOwnResult) {
  auto workspace = fixture.make_locked_workspace();
  auto sealed = call(workspace.id, "encrypt_batch", R"({"items":[{"plaintext":"YQ=="},{"plaintext":"?"},7,
      {"plaintext":"Yg==","context":{"n":"2"}}]})");
  ASSERT_EQ(sealed.status, 200U) << sealed.body;
  EXPECT_EQ(sealed.at("/results").as_array().size(), 4U);
  EXPECT_EQ(sealed.text("/results/1/error/type"), "invalid_request_error");
  EXPECT_EQ(sealed.text("/results/1/error/message"),
            "items.1.plaintext: Input should be base64 (RFC 4648 section 4, with padding)");
  EXPECT_EQ(sealed.text("/results/2/error/message"), "items.2: Input should be an object");

  auto other = encrypt(fixture.make_workspace("other").id, "x").text("/ciphertext");
  auto item = [](const std::string& ciphertext, std::string_view context) {
    return R"({"ciphertext":")" + ciphertext + R"(","context":)" + std::string(context) + "}";
  };
  auto opened = call(workspace.id, "decrypt_batch",
                     R"({"items":[)" + item(sealed.text("/results/0/ciphertext"), "{}") + "," + item(other, "{}") +
                         "," + item(sealed.text("/results/3/ciphertext"), R"({"n":"2"})") + "," +
                         item(sealed.text("/results/3/ciphertext"), "null") + "]}");
  ASSERT_EQ(opened.status, 200U) << opened.body;
  EXPECT_EQ(opened.text("/results/0/plaintext"), "YQ==");
  EXPECT_EQ(opened.text("/results/1/error/details/error_code"), "ciphertext_wrong_key");
  EXPECT_EQ(opened.text("/results/2/plaintext"), "Yg==");
  EXPECT_EQ(opened.text("/results/3/error/details/error_code"), "ciphertext_corrupt");
  EXPECT_EQ(call(workspace.id, "encrypt_batch", R"({"items":[]})").body, R"({"results":[]})");
}

TEST_F(DataPlaneTest, BatchesHaveAtMost1000Items) {
  auto id = fixture.make_workspace().id;
  std::string items = R"({"plaintext":""})";
  for (int i = 1; i < 1000; ++i) items += R"(,{"plaintext":""})";
  auto sealed = call(id, "encrypt_batch", R"({"items":[)" + items + "]}");
  ASSERT_EQ(sealed.status, 200U);
  EXPECT_EQ(sealed.at("/results").as_array().size(), 1000U);
  expect_refused(call(id, "encrypt_batch", R"({"items":[)" + items + R"(,{"plaintext":""}]})"), 400,
                 "invalid_request_error", "items: List should have at most 1000 items. Got 1001.");
}

TEST_F(DataPlaneTest, ARefusingKeyRefusesABatchWithoutBeingAskedForEachItem) {
  auto workspace = fixture.make_locked_workspace();
  auto ciphertext = encrypt(workspace.id, "secret").text("/ciphertext");
  let_leases_age();
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "disabled"};
  auto refused = call(workspace.id, "encrypt_batch", R"({"items":[{"plaintext":""}]})");
  EXPECT_EQ(refused.code(), "cmek_key_disabled");
  EXPECT_EQ(refused.headers.get("latchkey-workspace-id"), workspace.id);
  auto calls = fixture.provider.calls();
  std::string item = R"({"ciphertext":")" + ciphertext + "\"}";
  auto opened = call(workspace.id, "decrypt_batch", R"({"items":[)" + item + "," + item + "," + item + "]}");
  EXPECT_EQ(opened.status, 200U);
  EXPECT_EQ(opened.text("/results/2/error/details/error_code"), "cmek_key_disabled");
  EXPECT_LE(fixture.provider.calls(), calls + 1);
}

TEST(DataPlane, AServerThatLeasesNothingSaysSoAndServesAllTheSame) {
  ApiLimits limits;
  limits.leases_data_keys = false;
  testing::ApiFixture fixture(limits);
  auto workspace = fixture.make_locked_workspace();
  auto path = "/v1/workspaces/" + workspace.id + "/";
  for (const auto* door : {"data_keys", "data_keys/dk_01FZpz5ZupHfjFbyver2JWmM/unwrap"}) {
    auto response = fixture.call("POST", path + door, fixture.service_key);
    EXPECT_EQ(response.status, 403U);
    EXPECT_EQ(response.error_type(), "permission_error");
    EXPECT_NE(response.message().find("keyring.lend_data_keys"), std::string::npos) << response.message();
  }
  EXPECT_EQ(fixture.call("GET", path + "data_keys/dk_none/lease", fixture.service_key).status, 403U);
  EXPECT_EQ(fixture.call("POST", path + "encrypt", fixture.service_key, R"({"plaintext":"eA=="})").status, 200U);
}

TEST_F(DataPlaneTest, DataKeysAreLeasedAndUnwrapped) {
  auto workspace = fixture.make_locked_workspace();
  auto lease = call(workspace.id, "data_keys", "{}");
  ASSERT_EQ(lease.status, 200U) << lease.body;
  EXPECT_EQ(base64_decode(lease.text("/plaintext_key")).value().size(), 32U);
  EXPECT_EQ(lease.text("/external_key_id"), *workspace.external_key_id);
  auto expires = parse_timestamp(lease.text("/expires_at")).value();
  EXPECT_EQ(expires, fixture.clock.now() + std::chrono::seconds(60)) << "no longer than the server's own";
  EXPECT_EQ(lease.json.at("expires_in").to_number<double>(), 60);
  EXPECT_EQ(lease.text("/compartment_id"), format_uuid(workspace.compartment));

  auto id = lease.text("/data_key_id");
  auto again = call(workspace.id, "data_keys/" + id + "/unwrap", "");
  EXPECT_EQ(again.json, lease.json);

  auto sealed = encrypt(workspace.id, "x");
  EXPECT_EQ(sealed.text("/data_key_id"), id) << "the workspace's own active key";
  auto record = base64_decode(sealed.text("/ciphertext")).value();
  auto key = envelope::DataKey::create(parse_id(id_prefix::kDataKey, id).value(),
                                       crypto::SecretBytes(base64_decode(lease.text("/plaintext_key")).value()))
                 .value();
  Bytes opened(1);
  ASSERT_TRUE(envelope::open_record(key, workspace.compartment, {}, record, opened)) << "opened outside";
  EXPECT_EQ(as_text(opened), "x");
}

struct LeaseCheckTest : DataPlaneTest {
  store::Workspace workspace = fixture.make_locked_workspace();
  std::string leased = call(workspace.id, "data_keys", "").text("/data_key_id");

  ApiResponse check(const std::string& of_workspace, std::string key = "") {
    auto path = "/v1/workspaces/" + of_workspace + "/data_keys/" + leased + "/lease";
    return fixture.call("GET", path, key.empty() ? fixture.service_key : std::move(key));
  }
  std::string not_here(const std::string& of_workspace) const {
    return "This server has no lease of data key " + leased + " in workspace " + of_workspace +
           ". Ask for the data key again.";
  }
};

TEST_F(LeaseCheckTest, ItHoldsAndSaysWhenToAskAgain) {
  auto asked = fixture.provider.calls();
  for (int i = 0; i < 3; ++i) {
    auto response = check(workspace.id);
    EXPECT_EQ(response.status, 200U) << response.body;
    EXPECT_EQ(response.json,
              (boost::json::value{{"type", "data_key_lease"}, {"data_key_id", leased}, {"check_after", 5}}));
    fixture.clock.advance(std::chrono::seconds(5));
  }
  EXPECT_EQ(call(workspace.id, "data_keys", "").at("/check_after"), 5);
  EXPECT_EQ(fixture.provider.calls(), asked) << "no customer's key is asked for it";
}

TEST_F(LeaseCheckTest, ASuspensionEndsItAtOnce) {
  auto suspend = "/v1/organizations/external_keys/" + *workspace.external_key_id + "/suspend";
  ASSERT_EQ(fixture.post(suspend).status, 200U);
  auto response = check(workspace.id);
  EXPECT_EQ(response.code(), "cmek_key_disabled");
  EXPECT_EQ(response.text("/error/details/reason"), "suspended");
}

TEST_F(LeaseCheckTest, ARefusalEndsItAndShowsWhereTheKeyIsAskedFor) {
  let_leases_age();
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "disabled"};
  EXPECT_EQ(encrypt(workspace.id, "x").code(), "cmek_key_disabled");
  expect_refused(check(workspace.id), 404, "not_found_error", not_here(workspace.id));
  EXPECT_EQ(call(workspace.id, "data_keys/" + leased + "/unwrap", "").code(), "cmek_key_disabled");
}

TEST_F(LeaseCheckTest, ToOthersItIsNotThere) {
  auto sibling = fixture.make_locked_workspace("two");
  expect_refused(check(sibling.id), 404, "not_found_error", not_here(sibling.id));
  auto only_there = fixture.make_api_key(store::Role::Workspace, sibling.id);
  EXPECT_EQ(check(workspace.id, only_there).status, 404U);
  auto foreign = fixture
                     .run(fixture.credentials->create_api_key(fixture.other.organization.id, store::Role::Service, "x",
                                                              std::nullopt))
                     .value()
                     .secret;
  expect_refused(check(workspace.id, foreign), 404, "not_found_error",
                 "There is no workspace " + workspace.id + " that this API key may use.");
  auto theirs = fixture.other.default_workspace.id;
  expect_refused(check(theirs, foreign), 404, "not_found_error", not_here(theirs));
  EXPECT_EQ(check(workspace.id, fixture.admin_key).status, 403U);
  EXPECT_EQ(check(workspace.id, "nobody").status, 401U);
  for (const auto* strange : {"dk_none", "x"}) {
    leased = strange;
    expect_refused(check(workspace.id), 404, "not_found_error", not_here(workspace.id));
  }
}

TEST_F(DataPlaneTest, NoLeaseIsLongerThanTheOperatorAllows) {
  auto workspace = fixture.make_locked_workspace();
  ASSERT_EQ(fixture.post("/v1/organizations/me/leases", R"({"soft_seconds": 300, "hard_seconds": 3600})").status, 200U);
  auto lease = call(workspace.id, "data_keys", "");
  EXPECT_EQ(lease.at("/expires_in").to_number<double>(), 60) << lease.body;
  fixture.clock.advance(std::chrono::seconds(200));
  auto again = call(workspace.id, "data_keys/" + lease.text("/data_key_id") + "/unwrap", "");
  EXPECT_EQ(again.at("/expires_in").to_number<double>(), 60) << again.body;
}

TEST_F(DataPlaneTest, DataKeysOfOthersAreNotThere) {
  auto workspace = fixture.make_locked_workspace("one");
  auto sibling = fixture.make_locked_workspace("two");
  auto id = call(workspace.id, "data_keys", "").text("/data_key_id");
  for (const auto& strange : {id, std::string("dk_none"), std::string("x")}) {
    expect_refused(call(sibling.id, "data_keys/" + strange + "/unwrap", ""), 404, "not_found_error",
                   "There is no data key " + strange + " in workspace " + sibling.id + ".");
  }
  let_leases_age();
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "disabled"};
  EXPECT_EQ(call(workspace.id, "data_keys/" + id + "/unwrap", "").code(), "cmek_key_disabled");
}

}  // namespace
}  // namespace latchkey::api
