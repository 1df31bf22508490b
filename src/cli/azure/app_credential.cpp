#include "cli/azure/app_credential.hpp"

#include "base/file.hpp"
#include "crypto/certificate.hpp"
#include "crypto/certified_key.hpp"

namespace latchkey::cli::azure {

namespace {

constexpr unsigned kAppKeyBits = 3072;
constexpr std::size_t kMaxPem = std::size_t{64} * 1024;
constexpr std::chrono::days kAppCertificateLife{3650};

// The file may be a person's own, and hold a bundle.
Result<std::string> certificate_of_key(const std::string& data_dir, const std::string& certificates) {
  auto path = app_private_key_file(data_dir);
  LATCHKEY_TRY(auto key, read_file(path, kMaxPem));
  auto pair =
      crypto::read_certified_key({app_certificate_file(data_dir), certificates}, {path, key}, crypto::KeyKind::Rsa);
  crypto::wipe(key);
  if (!pair) return pair.error();
  return std::move(pair.value().certificate_pem);
}

}  // namespace

std::string app_certificate_file(const std::string& data_dir) {
  return data_dir + "/app-certificate.pem";
}
std::string app_private_key_file(const std::string& data_dir) {
  return data_dir + "/app-private-key.pem";
}

Result<std::string> ensure_app_credential(const std::string& data_dir, const AppIdentity& app, const Clock& clock,
                                          RandomSource& random) {
  auto certificate = read_file(app_certificate_file(data_dir), kMaxPem);
  if (certificate) return certificate_of_key(data_dir, certificate.value());
  if (certificate.error().code != ErrorCode::NotFound) return certificate;
  LATCHKEY_TRY(auto key, crypto::RsaKey::generate(kAppKeyBits));
  crypto::CertificateRequest request;
  request.common_name = app.display_name;
  request.not_before = clock.now() - std::chrono::hours(1);
  request.not_after = clock.now() + kAppCertificateLife;
  LATCHKEY_TRY(auto made, crypto::make_self_signed_certificate(key, request, random));
  LATCHKEY_TRY(auto pem, key.private_pem());
  // The certificate comes last: where it exists, the key exists, too.
  LATCHKEY_TRYV(write_file_durably(app_private_key_file(data_dir), as_text(pem.reveal()), 0600));
  LATCHKEY_TRYV(write_file_durably(app_certificate_file(data_dir), made, 0644));
  return made;
}

}  // namespace latchkey::cli::azure
