// X.509 as far as a development CA and a client credential need it. Pure but for `random`; thread-safe. Functions that
// make certificates return Internal where OpenSSL fails.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "crypto/hash.hpp"
#include "crypto/rsa.hpp"

namespace latchkey::crypto {

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> dns_names;     // wildcards allowed
  std::vector<std::string> ip_addresses;  // text form
  Timestamp not_before;
  Timestamp not_after;
};

// A self-signed CA certificate (path length 0), and a server certificate under it (serverAuth). PEM.
[[nodiscard]] Result<std::string> make_ca_certificate(const RsaKey& key, const CertificateRequest& request,
                                                      RandomSource& random);
[[nodiscard]] Result<std::string> make_server_certificate(const RsaKey& ca_key, std::string_view ca_certificate_pem,
                                                          const RsaKey& key, const CertificateRequest& request,
                                                          RandomSource& random);
// A self-signed certificate for a client credential.
[[nodiscard]] Result<std::string> make_self_signed_certificate(const RsaKey& key, const CertificateRequest& request,
                                                               RandomSource& random);

struct CertificateInfo {
  RsaKey public_key;
  Timestamp not_before;
  Timestamp not_after;
  std::array<std::uint8_t, 20> sha1_thumbprint;  // of the DER, for x5t
  Sha256 sha256_thumbprint;                      // of the DER, for x5t#S256
};

// Reads the first certificate of a PEM text. Invalid where there is none or its key is not RSA.
[[nodiscard]] Result<CertificateInfo> read_certificate(std::string_view pem);

}  // namespace latchkey::crypto
