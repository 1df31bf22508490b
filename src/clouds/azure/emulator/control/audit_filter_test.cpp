#include "clouds/azure/emulator/control/audit_filter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clouds/azure/emulator/audit.hpp"

namespace latchkey::clouds::azure::emulator {
namespace {

using ::testing::HasSubstr;

constexpr auto kNoon = std::chrono::sys_days(std::chrono::year(2026) / 6 / 1) + std::chrono::hours(12);

std::string line(int minute, std::string operation, unsigned status, std::string app_id, const std::string& path) {
  AuditEvent event;
  event.time = kNoon + std::chrono::minutes(minute);
  event.operation = std::move(operation);
  event.status = status;
  if (status >= 400) event.error_code = "Forbidden";
  event.caller.app_id = std::move(app_id);
  event.caller.object_id = "o";
  event.id = "https://contoso.vault.azure.net/" + path;
  return audit_line(Vault{}, event);
}

std::string log() {
  return line(0, "KeyWrap", 200, "a", "keys/k/1") + line(1, "KeyUnwrap", 403, "a", "keys/k/1") +
         line(2, "KeyUnwrap", 200, "b", "keys/other/1") + line(3, "KeyGetDeleted", 404, "b", "deletedkeys/k");
}

// Which minutes pass, as digits.
std::string minutes(const http::QueryParameters& query) {
  auto filter = audit_filter_from_query(query);
  if (!filter) return describe(filter.error());
  auto passed = filter_audit(log(), filter.value());
  std::string result;
  for (auto at = passed.find("T12:0"); at != std::string::npos; at = passed.find("T12:0", at + 1)) {
    result += passed[at + 5];
  }
  return result;
}

TEST(AuditFilter, LetsThroughWhatIsAskedFor) {
  struct Case {
    http::QueryParameters query;
    std::string passed;
  };
  const Case kCases[] = {
      {{}, "0123"},
      {{{"vault", "contoso"}}, "0123"},
      {{{"operation", "keyunwrap"}}, "12"},
      {{{"result", "success"}}, "02"},
      {{{"result", "failure"}}, "13"},
      {{{"app_id", "B"}}, "23"},
      {{{"key", "K"}}, "013"},
      {{{"key", "oth"}}, ""},
      {{{"since", "2026-06-01T12:02:00Z"}}, "23"},
      {{{"since", "2026-06-01T12:02:00.000001Z"}}, "3"},
      {{{"last", "1"}}, "3"},
      {{{"last", "9"}}, "0123"},
      {{{"operation", "KeyUnwrap"}, {"last", "1"}}, "2"},
      {{{"operation", "KeyUnwrap"}, {"result", "failure"}, {"app_id", "a"}}, "1"},
  };
  for (const auto& c : kCases) EXPECT_EQ(minutes(c.query), c.passed);
}

TEST(AuditFilter, ChangesNoLine) {
  EXPECT_EQ(filter_audit(log(), {}), log());
  EXPECT_EQ(filter_audit("", {}), "");
}

TEST(AuditFilter, WhatIsWrongIsNamed) {
  struct Case {
    std::string name, value, complaint;
  };
  const Case kCases[] = {
      {"result", "ok", "result: Input should be 'success' or 'failure'"},
      {"since", "yesterday", "since: Input should be an RFC 3339 time"},
      {"last", "0", "last: Input should be a whole number"},
      {"last", "5x", "last: Input should be a whole number"},
      {"last", "99999999999999999999", "last: Input should be a whole number"},
      {"caller", "a", "caller: There is no such filter; there are vault, operation,"},
  };
  for (const auto& c : kCases) {
    auto filter = audit_filter_from_query({{c.name, c.value}});
    ASSERT_FALSE(filter) << c.name;
    EXPECT_EQ(filter.error().code, ErrorCode::Invalid);
    EXPECT_THAT(filter.error().message(), HasSubstr(c.complaint));
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator
