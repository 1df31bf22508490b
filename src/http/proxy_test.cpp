#include "http/proxy.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client.hpp"
#include "testing/canned_server.hpp"
#include "testing/test_server.hpp"

namespace latchkey::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Variables variables(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) {
    auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  };
}

// "" where the client connects to the URL's host directly.
std::string proxy_for(const ProxySettings& settings, const std::string& url) {
  auto table = ProxyTable::create(settings);
  EXPECT_TRUE(table) << table.error().message();
  const auto* proxy = table.value().proxy_for(url);
  return proxy == nullptr ? "" : proxy->url;
}

std::string from_environment(std::map<std::string, std::string> values, const std::string& url) {
  auto settings = proxies_of_environment(variables(std::move(values)));
  EXPECT_TRUE(settings) << settings.error().message();
  return proxy_for(settings.value(), url);
}

ClientOptions through(const std::string& proxy) {
  ClientOptions options;
  options.proxy = one_proxy(proxy);
  return options;
}

TEST(ProxyTest, AreReadAsPeopleWriteThem) {
  struct Case {
    std::string text;
    std::string url;
    std::string user;
    std::string password;
  };
  for (const auto& c :
       {Case{"http://proxy.example:3128", "http://proxy.example:3128", "", ""},
        Case{"proxy.example:3128", "http://proxy.example:3128", "", ""},
        Case{" HTTP://proxy.example:3128/ ", "http://proxy.example:3128", "", ""},
        Case{"https://proxy.example", "https://proxy.example", "", ""},
        Case{"socks5h://127.0.0.1:1080", "socks5h://127.0.0.1:1080", "", ""},
        Case{"http://[::1]:3128", "http://[::1]:3128", "", ""},
        Case{"http://me:secret@proxy.example:3128", "http://proxy.example:3128", "me", "secret"},
        Case{"me:secret@proxy.example:3128", "http://proxy.example:3128", "me", "secret"},
        Case{"http://DOM%5Cme:p%40ss%3A%2F@proxy.example:3128", "http://proxy.example:3128", "DOM\\me", "p@ss:/"},
        Case{"http://me@proxy.example:3128", "http://proxy.example:3128", "me", ""}}) {
    auto table = ProxyTable::create(one_proxy(c.text));
    ASSERT_TRUE(table) << c.text << ": " << table.error().message();
    const auto* proxy = table.value().proxy_for("https://vault.example/");
    ASSERT_NE(proxy, nullptr) << c.text;
    EXPECT_EQ(proxy->url, c.url);
    EXPECT_EQ(proxy->user, c.user) << c.text;
    EXPECT_EQ(proxy->password, c.password) << c.text;
  }
  EXPECT_EQ(proxy_for(one_proxy("  "), "https://vault.example/"), "");
}

TEST(ProxyTest, WhatIsNoneIsRefusedWithoutRepeatingIt) {
  for (const auto& text :
       {std::string("ftp://me:secret@proxy.example"), std::string("http://"), std::string("http://me:secret@"),
        std::string("http://proxy.example:99999/secret"), std::string("http://proxy.example:3128/secret"),
        std::string("http://proxy.example:3128?secret"), std::string("secret proxy"), std::string("http://a\nsecret"),
        std::string("http://me:%00secret@proxy.example"), std::string("://secret")}) {
    auto checked = check_proxy(text);
    ASSERT_FALSE(checked) << text;
    EXPECT_EQ(checked.error().code, ErrorCode::Invalid);
    EXPECT_THAT(checked.error().message(), Not(HasSubstr("secret"))) << text;
    auto refused = proxies_of_environment(variables({{"HTTPS_PROXY", text}}));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), StartsWith("HTTPS_PROXY: "));
    EXPECT_THAT(refused.error().message(), Not(HasSubstr("secret"))) << text;
    EXPECT_FALSE(make_curl_client(through(text)));
  }
}

TEST(ProxyTest, TheEnvironmentIsReadAsCurlReadsIt) {
  const std::string https = "https://vault.example/";
  const std::string http = "http://vault.example/";
  struct Case {
    std::map<std::string, std::string> environment;
    std::string https_way;
    std::string http_way;
  };
  for (const auto& c :
       {Case{{}, "", ""}, Case{{{"HTTPS_PROXY", "a:1"}}, "http://a:1", ""},
        Case{{{"https_proxy", "a:1"}, {"HTTPS_PROXY", "b:2"}}, "http://a:1", ""},
        Case{{{"https_proxy", ""}, {"HTTPS_PROXY", "b:2"}}, "http://b:2", ""},
        Case{{{"http_proxy", "a:1"}}, "", "http://a:1"}, Case{{{"HTTP_PROXY", "a:1"}}, "", ""},
        Case{{{"ALL_PROXY", "a:1"}}, "http://a:1", "http://a:1"},
        Case{{{"all_proxy", "a:1"}, {"HTTPS_PROXY", "b:2"}, {"http_proxy", "c:3"}}, "http://b:2", "http://c:3"},
        Case{{{"HTTPS_PROXY", "a:1"}, {"NO_PROXY", "*"}}, "", ""},
        Case{{{"HTTPS_PROXY", "a:1"}, {"no_proxy", "other"}, {"NO_PROXY", "*"}}, "http://a:1", ""},
        Case{{{"HTTPS_PROXY", "a:1"}, {"no_proxy", ""}, {"NO_PROXY", "vault.example"}}, "", ""}}) {
    EXPECT_EQ(from_environment(c.environment, https), c.https_way) << ::testing::PrintToString(c.environment);
    EXPECT_EQ(from_environment(c.environment, http), c.http_way) << ::testing::PrintToString(c.environment);
  }
}

TEST(ProxyTest, NoProxyNamesHostsAsCurlReadsIt) {
  struct Case {
    std::string no_proxy;
    std::string url;
    bool direct;
  };
  for (const auto& c :
       {Case{"vault.azure.net", "https://vault.azure.net/", true},
        Case{"vault.azure.net", "https://contoso.vault.azure.net/keys?a=b", true},
        Case{".vault.azure.net", "https://contoso.vault.azure.net/", true},
        Case{".VAULT.Azure.Net", "https://Contoso.vault.azure.net./", true},
        Case{"vault.azure.net", "https://evilvault.azure.net/", false},
        Case{"vault.azure.net", "https://vault.azure.net.evil.example/", false},
        Case{"a.example, b.example", "https://b.example/", true},
        Case{"a.example b.example", "https://b.example/", true},
        Case{"a.example,b.example", "https://c.example:8443/", false}, Case{"*", "https://c.example/", true},
        Case{"10.0.0.0/8", "https://10.1.2.3/", true}, Case{"10.0.0.0/8", "https://11.1.2.3/", false},
        Case{"10.1.2.3", "https://10.1.2.3:8443/", true}, Case{"", "https://c.example/", false}}) {
    EXPECT_EQ(proxy_for(one_proxy("proxy.example:3128", c.no_proxy), c.url).empty(), c.direct)
        << c.no_proxy << ' ' << c.url;
  }
}

TEST(ProxyTest, ThisMachineIsAskedDirectlyWhateverTheEnvironmentSays) {
  for (const auto* url : {"http://127.0.0.1:8600/", "http://localhost:8600/", "http://[::1]:8600/", "http://127.8.9.1/",
                          "https://contoso.vault.localhost:8603/"}) {
    EXPECT_EQ(from_environment({{"all_proxy", "a:1"}}, url), "") << url;
    EXPECT_EQ(from_environment({{"all_proxy", "a:1"}, {"no_proxy", "b.example"}}, url), "") << url;
  }
  EXPECT_EQ(from_environment({{"all_proxy", "a:1"}}, "http://128.0.0.1/"), "http://a:1");
}

TEST(ProxyTest, AnOptionWinsAndNoProxyIsHeardAllTheSame) {
  auto environment = variables({{"HTTPS_PROXY", "a:1"}, {"NO_PROXY", "direct.example"}});
  auto chosen = proxy_or_environment("b:2", environment);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(proxy_for(chosen.value(), "https://vault.example/"), "http://b:2");
  EXPECT_EQ(proxy_for(chosen.value(), "https://direct.example/"), "");
  EXPECT_EQ(proxy_for(proxy_or_environment("", environment).value(), "https://vault.example/"), "http://a:1");
  EXPECT_FALSE(proxy_or_environment("ftp://b", environment));
}

class ProxyUseTest : public ::testing::Test {
 protected:
  static Result<ClientResponse, TransportError> get(ClientOptions options, std::string url) {
    auto client = make_curl_client(std::move(options));
    EXPECT_TRUE(client);
    ClientRequest request;
    request.url = std::move(url);
    request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    return run_blocking(client.value()->send(std::move(request)));
  }
  std::string local(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

  testing::EchoService service_;
  testing::RunningContext context_;
};

TEST_F(ProxyUseTest, CredentialsGoToTheProxyDecoded) {
  testing::CannedServer proxy(context_.get(), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  auto response = get(through("http://me:p%40ss@" + local(proxy.port())), "http://vault.example/keys");
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_THAT(proxy.head(), StartsWith("GET http://vault.example/keys HTTP/1.1\r\n"));
  EXPECT_THAT(proxy.head(), HasSubstr("Proxy-Authorization: Basic bWU6cEBzcw==\r\n"));
}

TEST_F(ProxyUseTest, AProxyThatRefusesIsBlamedWithoutItsPassword) {
  testing::CannedServer proxy(context_.get(), "HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n");
  auto written = "http://me:secret@" + local(proxy.port());
  auto refused = get(through(written), "https://vault.example/");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().failure, TransportFailure::ProxyFailed);
  EXPECT_THAT(refused.error().message, HasSubstr("407"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("secret")));
  auto unreachable = get(through("http://me:secret@127.0.0.1:1"), "https://vault.example/");
  ASSERT_FALSE(unreachable);
  EXPECT_EQ(unreachable.error().failure, TransportFailure::ProxyFailed);
  EXPECT_THAT(unreachable.error().message, Not(HasSubstr("secret")));
}

TEST_F(ProxyUseTest, WhatIsAskedDirectlyMustHaveAPublicAddress) {
  auto server = Server::start(context_.get().get_executor(), {}, service_);
  ASSERT_TRUE(server);
  testing::CannedServer proxy(context_.get(), "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nway");
  auto target = "http://" + local(server.value()->port()) + "/";
  ClientOptions options;
  options.proxy = one_proxy(local(proxy.port()), "127.0.0.1");
  auto refused = get(options, target);
  ASSERT_FALSE(refused) << "only the proxy's own address is permitted";
  EXPECT_EQ(refused.error().failure, TransportFailure::AddressRefused);
  options.proxy.no_proxy.clear();
  auto through = get(options, target);
  ASSERT_TRUE(through) << through.error().message;
  EXPECT_EQ(through.value().body, "way");
  options.proxy.no_proxy = "127.0.0.1";
  options.address_policy = AddressPolicy::Any;
  EXPECT_THAT(get(options, target).value().body, StartsWith("GET /"));
}

}  // namespace
}  // namespace latchkey::http
