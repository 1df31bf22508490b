#include "server/credentials.hpp"

#include <fmt/format.h>

#include "base/file.hpp"
#include "crypto/certified_key.hpp"

namespace latchkey::server {

namespace {

constexpr std::size_t kMaxPemSize = std::size_t{256} * 1024;
constexpr std::size_t kLeastToken = 20;

Result<std::string> read_setting_file(std::string_view setting, const std::string& path) {
  auto text = read_file(path, kMaxPemSize);
  if (!text) return in_setting(setting, text.error());
  return text;
}

// Without the line's end; null where no file is set.
Result<std::shared_ptr<const crypto::SecretBytes>> read_secret(std::string_view setting, const std::string& path) {
  std::shared_ptr<const crypto::SecretBytes> secret;
  if (path.empty()) return secret;
  LATCHKEY_TRY(auto text, read_setting_file(setting, path));
  std::string_view trimmed(text);
  while (!trimmed.empty() && (trimmed.back() == '\n' || trimmed.back() == '\r')) trimmed.remove_suffix(1);
  secret = std::make_shared<const crypto::SecretBytes>(as_bytes(trimmed));
  crypto::wipe(text);
  if (secret->empty()) return Error{ErrorCode::Invalid, fmt::format("{}: {} is empty", setting, path)};
  return secret;
}

struct FileSetting {
  std::string name;
  std::string path;
};

Result<crypto::CertifiedKey> read_pair(const FileSetting& certificate, const FileSetting& key, crypto::KeyKind kind) {
  LATCHKEY_TRY(auto certificates, read_setting_file(certificate.name, certificate.path));
  LATCHKEY_TRY(auto secret, read_setting_file(key.name, key.path));
  auto source = [](const FileSetting& setting, std::string_view text) {
    return crypto::PemSource{fmt::format("{} ({})", setting.name, setting.path), text};
  };
  auto pair = crypto::read_certified_key(source(certificate, certificates), source(key, secret), kind);
  crypto::wipe(secret);
  // It may be the same file.
  crypto::wipe(certificates);
  return pair;
}

}  // namespace

Error in_setting(std::string_view setting, const Error& error) {
  return caused_by(error, error.code, fmt::format("{}: {}", setting, error.message()), error.reason);
}

Result<std::shared_ptr<const crypto::SecretBytes>> metrics_token_of(const ServerConfig& config) {
  LATCHKEY_TRY(auto token, read_secret("metrics.token_file", config.metrics_token_file));
  if (token && token->size() < kLeastToken) {
    return Error{ErrorCode::Invalid,
                 fmt::format("metrics.token_file: the token in {} has {} characters, which can be guessed. Make one of "
                             "{} or more: head -c 32 /dev/urandom | base64",
                             config.metrics_token_file, token->size(), kLeastToken)};
  }
  return token;
}

Result<clouds::azure::Credential> azure_credential(const ServerConfig& config) {
  if (!config.azure_federated_token_file.empty()) {
    return clouds::azure::FederatedTokenFile{config.azure_federated_token_file};
  }
  if (!config.azure_certificate_file.empty()) {
    LATCHKEY_TRY(auto pair, read_pair({"azure.certificate_file", config.azure_certificate_file},
                                      {"azure.private_key_file", config.azure_private_key_file}, crypto::KeyKind::Rsa));
    auto key = crypto::RsaKey::from_pem(as_text(pair.private_key_pem.reveal()));
    if (!key) return in_setting("azure.private_key_file", key.error());
    return clouds::azure::ClientCertificate{std::move(pair.certificate_pem), std::move(key).value()};
  }
  LATCHKEY_TRY(auto secret, read_secret("azure.client_secret_file", config.azure_client_secret_file));
  return clouds::azure::ClientSecret{std::move(secret)};
}

Result<std::optional<http::TlsFiles>> server_tls(const ServerConfig& config) {
  if (config.tls_certificate_file.empty()) return std::optional<http::TlsFiles>();
  LATCHKEY_TRY(auto pair,
               read_pair({"server.tls_certificate_file", config.tls_certificate_file},
                         {"server.tls_private_key_file", config.tls_private_key_file}, crypto::KeyKind::Any));
  return std::optional(http::TlsFiles{std::move(pair.chain_pem), std::string(as_text(pair.private_key_pem.reveal()))});
}

}  // namespace latchkey::server
