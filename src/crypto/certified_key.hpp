// A private key and its certificate, from PEM as people keep it: certificates in any order, in one file with the key or
// in two, with text between them. The one place that pairs them, so that a pair that is none is refused when it is
// read, and not by whoever is asked with it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

struct CertifiedKey {
  std::string certificate_pem;  // the one whose public key is the private key's
  std::string chain_pem;        // the same, and then the others, each before the one that issued it
  SecretBytes private_key_pem;  // PKCS#8, without a passphrase
};

struct PemSource {
  std::string name;  // for messages: "azure.certificate_file (/etc/latchkey/app.pem)"
  std::string_view text;
};

enum class KeyKind {
  Any,
  Rsa,  // what Entra ID takes of client certificates
};

// Where several certificates are of the key, as after a renewal, the one that lasts longest is taken; where there are
// several keys, the first that a certificate is of. Invalid, with the names of the sources and the cure, for a pair
// that is none, a key with a passphrase, a key of another kind, and what is not PEM or damaged. Both sources may be
// one.
[[nodiscard]] Result<CertifiedKey> read_certified_key(const PemSource& certificates, const PemSource& private_key,
                                                      KeyKind kind);

}  // namespace latchkey::crypto
