#include "server/clouds.hpp"

#include <gtest/gtest.h>

#include "server/config.hpp"

namespace latchkey::server {
namespace {

TEST(KeyPlaces, AreThoseOfTheKeysThatRead) {
  auto place = key_places(default_server_config());
  EXPECT_EQ(place("azure", R"({"type":"azure","vault_uri":"HTTPS://Contoso.vault.azure.net/","key_name":"MyKey",)"
                           R"("tenant_id":"contoso.com","client_id":null})"),
            "https://contoso.vault.azure.net mykey");
  for (const auto* damaged : {"", "{}", "[]", R"({"type":"azure","vault_uri":1})"}) {
    EXPECT_EQ(place("azure", damaged), std::nullopt) << damaged;
  }
  EXPECT_EQ(place("aws", R"({"type":"aws"})"), std::nullopt);
}

}  // namespace
}  // namespace latchkey::server
