#include "crypto/credential_files.hpp"

#include <fmt/format.h>

#include "base/file.hpp"

namespace latchkey::crypto {

namespace {

constexpr std::size_t kMostBytes = std::size_t{256} * 1024;

Result<std::string> read_setting_file(const FileSetting& setting) {
  auto text = read_file(setting.path, kMostBytes);
  if (!text) return in_setting(setting.name, text.error());
  return text;
}

}  // namespace

Error in_setting(std::string_view setting, const Error& error) {
  auto in = caused_by(error, error.code, fmt::format("{}: {}", setting, error.cause), error.reason);
  in.cure = error.cure;
  in.request_id = error.request_id;
  return in;
}

Result<std::shared_ptr<const SecretBytes>> read_secret_file(const FileSetting& setting) {
  std::shared_ptr<const SecretBytes> secret;
  if (setting.path.empty()) return secret;
  LATCHKEY_TRY(auto text, read_setting_file(setting));
  std::string_view trimmed(text);
  while (!trimmed.empty() && (trimmed.back() == '\n' || trimmed.back() == '\r')) trimmed.remove_suffix(1);
  secret = std::make_shared<const SecretBytes>(as_bytes(trimmed));
  wipe(text);
  if (secret->empty()) {
    return Error{ErrorCode::Invalid, fmt::format("{}: {} is empty", setting.name, setting.path)};
  }
  return secret;
}

Result<CertifiedKey> read_certified_key_files(const FileSetting& certificate, const FileSetting& key, KeyKind kind) {
  LATCHKEY_TRY(auto certificates, read_setting_file(certificate));
  LATCHKEY_TRY(auto secret, read_setting_file(key));
  auto source = [](const FileSetting& setting, std::string_view text) {
    return PemSource{fmt::format("{} ({})", setting.name, setting.path), text};
  };
  auto pair = read_certified_key(source(certificate, certificates), source(key, secret), kind);
  wipe(secret);
  // It may be the same file.
  wipe(certificates);
  return pair;
}

}  // namespace latchkey::crypto
