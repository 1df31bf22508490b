// Data keys from a server, over HTTP.
#pragma once

#include "crypto/secret.hpp"
#include "http/client.hpp"
#include "library/key_lender.hpp"

namespace latchkey::library {

struct Server {
  std::string url;  // without a slash at its end
  crypto::SecretBytes api_key;
  std::unique_ptr<http::Client> http;
};

// Through the proxies of the environment, as curl reads it. Invalid where the URL is none of http or https, the key is
// empty, the CA file cannot be read, or a variable names no proxy.
[[nodiscard]] Result<std::shared_ptr<const Server>> make_server(std::string_view url, std::string_view api_key,
                                                                std::string ca_file);

class HttpLender final : public KeyLender {
 public:
  HttpLender(std::shared_ptr<const Server> server, const Clock& clock, std::string workspace_id)
      : server_(std::move(server)), clock_(clock), workspace_id_(std::move(workspace_id)) {}
  [[nodiscard]] Result<LeasedKey> active_key() override;
  [[nodiscard]] Result<LeasedKey> key(const RawId& id) override;
  [[nodiscard]] Result<void> check(const RawId& id) override;

 private:
  [[nodiscard]] Result<LeasedKey> ask(const std::string& path);
  [[nodiscard]] Result<http::ClientResponse> send(std::string method, const std::string& path,
                                                  std::chrono::seconds timeout);
  std::shared_ptr<const Server> server_;
  const Clock& clock_;
  std::string workspace_id_;
};

}  // namespace latchkey::library
