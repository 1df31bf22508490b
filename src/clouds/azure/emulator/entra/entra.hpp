// Entra ID: the token endpoints (v2 with scopes, v1 with resources, and the AD FS form that az knows), and the
// documents that clients read before they request a token.
#pragma once

#include "clouds/azure/emulator/cloud.hpp"
#include "clouds/azure/emulator/entra/entra_credentials.hpp"
#include "clouds/azure/emulator/tokens.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

// Each has its own form of request and response.
enum class Endpoint { V1, V2, AdFs };

// Thread-safe. Signing is slow: do not call it on I/O threads.
class Entra {
 public:
  explicit Entra(Cloud& cloud) : cloud_(cloud) {}
  [[nodiscard]] http::Response handle(const http::Request& request, Seconds lifetime = kTokenLifetime);

 private:
  struct TokenRequest;
  [[nodiscard]] EntraOutcome<http::Response> route(const http::Request& request, Seconds lifetime);
  [[nodiscard]] EntraOutcome<http::Response> token(const http::Request& request, const std::string& tenant,
                                                   Endpoint endpoint, Seconds lifetime);
  [[nodiscard]] EntraOutcome<TokenRequest> read_token_request(const http::Request& request, Endpoint endpoint) const;
  [[nodiscard]] std::optional<EntraRefusal> check_credential(const Model& model, const Application& app,
                                                             const TokenRequest& asked, const http::Request& request,
                                                             const std::string& tenant, const Tenant& directory);

  Cloud& cloud_;
  AssertionMemory assertions_;
};

// The tenant of a GUID or domain; refuses others, in the words of 90002 (with this `error`) and 900023.
[[nodiscard]] EntraOutcome<const Tenant*> find_tenant(const Model& model, const std::string& name,
                                                      std::string_view error);

// "https://login.microsoftonline.com", or the local address that the client used.
[[nodiscard]] std::string login_origin(const http::RequestHead& request);

namespace discovery {
[[nodiscard]] EntraOutcome<http::Response> openid_configuration(const Model& model, const http::RequestHead& request,
                                                                const std::string& tenant, bool v2);
[[nodiscard]] EntraOutcome<http::Response> instance(const http::RequestHead& request);
[[nodiscard]] http::Response keys(const Model& model);
}  // namespace discovery

}  // namespace latchkey::clouds::azure::emulator
