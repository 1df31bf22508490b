#include <set>

#include <gtest/gtest.h>

#include "server/clouds.hpp"
#include "testing/written_page.hpp"

namespace latchkey::server {
namespace {

TEST(Reasons, ThePageIsMadeFromTheCatalogue) {
  latchkey::testing::expect_written("docs/reasons.md", reason_catalogue().page());
}

TEST(Reasons, EachIsToldAndInItsClass) {
  const auto catalogue = reason_catalogue();
  std::set<std::string_view> codes;
  std::vector<ReasonClass> classes;
  for (const auto& told : catalogue.reasons()) {
    codes.insert(told.text->entry->code);
    if (classes.empty() || classes.back() != told.text->entry->kind) classes.push_back(told.text->entry->kind);
  }
  EXPECT_EQ(classes, (std::vector{ReasonClass::Refused, ReasonClass::NetworkBlocked, ReasonClass::Unreachable,
                                  ReasonClass::Ours, ReasonClass::Alarm}));
  for (std::string_view code : {"suspended", "role_missing", "app_not_consented", "vault_firewall", "timed_out"}) {
    EXPECT_TRUE(codes.contains(code)) << code;
  }
  EXPECT_TRUE(catalogue.find("no_such_reason").empty());
}

}  // namespace
}  // namespace latchkey::server
