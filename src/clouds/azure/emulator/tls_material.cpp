#include "clouds/azure/emulator/tls_material.hpp"

#include "crypto/certificate.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

constexpr unsigned kBits = 2048;
constexpr std::chrono::hours kDay{24};
constexpr auto kAuthorityLifetime = kDay * 3650;
constexpr auto kServerLifetime = kDay * 730;
constexpr auto kRenewBefore = kDay * 30;

bool is_good(const std::string& certificate_pem, Timestamp now) {
  if (certificate_pem.empty()) return false;
  auto info = crypto::read_certificate(certificate_pem);
  return info && info.value().not_after > now + kRenewBefore;
}

Result<crypto::RsaKey> new_key(std::string& pem, const RsaKeySource& source) {
  LATCHKEY_TRY(auto key, source(kBits));
  LATCHKEY_TRY(auto text, key.private_pem());
  pem = as_text(text.reveal());
  return key;
}

}  // namespace

Result<bool> complete_tls_material(TlsMaterial& tls, RandomSource& random, const RsaKeySource& source) {
  auto now = SystemClock().now();
  bool authority_is_good = is_good(tls.ca_certificate_pem, now);
  if (authority_is_good && is_good(tls.certificate_pem, now)) return false;
  if (!authority_is_good) {
    LATCHKEY_TRY(auto key, new_key(tls.ca_key_pem, source));
    crypto::CertificateRequest request{"Latchkey development CA", {}, {}, now - kDay, now + kAuthorityLifetime};
    LATCHKEY_TRY(tls.ca_certificate_pem, crypto::make_ca_certificate(key, request, random));
  }
  LATCHKEY_TRY(auto ca_key, crypto::RsaKey::from_pem(tls.ca_key_pem));
  LATCHKEY_TRY(auto key, new_key(tls.key_pem, source));
  crypto::CertificateRequest request{"Latchkey Azure emulator",
                                     {"login.microsoftonline.com", "login.windows.net", "login.microsoft.com",
                                      "sts.windows.net", "management.azure.com", "graph.microsoft.com",
                                      "*.vault.azure.net", "*.managedhsm.azure.net", "*.vault.localhost", "localhost"},
                                     {"127.0.0.1"},
                                     now - kDay,
                                     now + kServerLifetime};
  LATCHKEY_TRY(tls.certificate_pem,
               crypto::make_server_certificate(ca_key, tls.ca_certificate_pem, key, request, random));
  return true;
}

}  // namespace latchkey::clouds::azure::emulator
