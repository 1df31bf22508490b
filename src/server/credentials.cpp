#include "server/credentials.hpp"

#include <fmt/format.h>

namespace latchkey::server {

namespace {

constexpr std::size_t kLeastToken = 20;

}  // namespace

Result<std::shared_ptr<const crypto::SecretBytes>> metrics_token_of(const ServerConfig& config) {
  LATCHKEY_TRY(auto token, crypto::read_secret_file({"metrics.token_file", config.metrics_token_file}));
  if (token && token->size() < kLeastToken) {
    return Error{ErrorCode::Invalid,
                 fmt::format("metrics.token_file: the token in {} has {} characters, which can be guessed. Make one of "
                             "{} or more: head -c 32 /dev/urandom | base64",
                             config.metrics_token_file, token->size(), kLeastToken)};
  }
  return token;
}

Result<std::optional<http::TlsFiles>> server_tls(const ServerConfig& config) {
  if (config.tls_certificate_file.empty()) return std::optional<http::TlsFiles>();
  LATCHKEY_TRY(auto pair, crypto::read_certified_key_files({"server.tls_certificate_file", config.tls_certificate_file},
                                                           {"server.tls_private_key_file", config.tls_private_key_file},
                                                           crypto::KeyKind::Any));
  return std::optional(http::TlsFiles{std::move(pair.chain_pem), std::string(as_text(pair.private_key_pem.reveal()))});
}

}  // namespace latchkey::server
